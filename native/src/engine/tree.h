// SPDX-License-Identifier: EPL-2.0
// All processes of a session, held at one instant.
#pragma once

#include "engine/state.h"
#include "engine/tracings.h"
#include "resource/shared_files.h"

// A process as it was found. Its thread numbers are in `frozen`; a zombie has none.
struct member {
  pid_t pid, parent;
  uint64_t start;             // since boot, in clock ticks: tells it from a later one with its number
  bool is_zombie, was_ended;  // by itself; by a rewind under way
  bool stop_is_news;          // to its parent
  bool was_stopped;           // when a rewind began
  bool has_offspring;         // processes that it has forked may share its pages
  struct frozen frozen;
};

struct tree {
  struct member *item;  // by number
  size_t count, capacity;
  uint64_t since_us;
  pid_t first, debugger;      // a program that a debugger holds; 0: all are ours to hold
  const struct frozen *held;  // its threads; NULL: it is gone
  struct tracings tracings;   // taken over from tracers of the session's own
  struct known_tracers *tracers;
  bool is_under_way;         // it could not be held, for a tracer was in the middle of something
  struct pipe_ends writers;  // while it is captured
  struct file_census files;  // the same
  struct sockets *sockets;   // of all of them, while it is captured
  struct shared_pool pool;   // the same
};

// Holds every process of the session that is not our own. While it lasts, engine.tree is this one.
int tree_freeze(struct engine *g, struct tree *ret, struct error *e);
// The same under a debugger: the processes that the program, which the debugger holds, has started. It is in the list.
int tree_freeze_around(struct engine *g, pid_t first, const struct frozen *held, struct tree *ret, struct error *e);
void tree_thaw(struct engine *g, struct tree *t);

struct member *tree_find(const struct tree *t, pid_t pid);  // NULL: there is none

// A rewind around a program that a debugger holds. `*ret_main`: in its main thread, where all is put back but threads
// that have ended and the registers; the caller goes on with it. 0; -1: nothing has changed; -2: failed under way.
int tree_rewind_around(struct engine *g, struct snapshot *whole, struct frozen *first, struct rewind_report *report,
                       struct executor **ret_main, struct error *e);
// The program is gone: it is built anew with all others, and held.
int tree_rebuild(struct engine *g, struct snapshot *whole, struct frozen *ret, struct rewind_report *report,
                 struct error *e);

// Whether pages of the process may be shared with a child that it has forked since its last snapshot: then the kernel
// cannot tell which have changed.
bool tree_shares_pages(const struct engine *g, pid_t pid);
