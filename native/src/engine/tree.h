// SPDX-License-Identifier: EPL-2.0
// All processes of a session, held at one instant.
#pragma once

#include "engine/state.h"
#include "engine/tracings.h"
#include "resource/shared_files.h"

// A process as it was found. Its thread numbers are in `frozen`; a zombie has none.
struct member {
  pid_t pid, parent;
  uint64_t start;                // since boot, in clock ticks: tells it from a later one with its number
  bool is_zombie, was_ended;     // by itself; by a rewind under way
  bool stop_is_news;             // to its parent
  bool was_stopped;              // when a rewind began
  bool has_offspring;            // processes that it has forked may share its pages
  bool is_traced;                // by a debugger, which holds it
  struct process_status status;  // when all were held
  struct frozen frozen;
};

struct tree {
  struct member *item;  // by number
  size_t count, capacity;
  uint64_t since_us;
  pid_t debugger;                   // that holds some of them; 0: all are ours to hold
  const struct inferior *inferior;  // those
  size_t inferiors;
  const struct snapshot *whole;  // to which they go back; NULL: they do not
  pid_t only;                    // a debugger that is held alone; 0: it is not
  struct tracings tracings;      // taken over from tracers of the session's own
  struct known_tracers *tracers;
  bool is_under_way;         // it could not be held, for a tracer was in the middle of something
  struct pipe_ends writers;  // while it is captured
  struct file_census files;  // the same
  struct sockets *sockets;   // of all of them, while it is captured
  struct shared_pool pool;   // the same
};

// Holds every process of the session that is not our own. While it lasts, engine.tree is this one.
int tree_freeze(struct engine *g, struct tree *ret, struct error *e);
// The debugger alone, without what it debugs.
int tree_freeze_debugger(struct engine *g, struct tree *ret, struct error *e);
// The same under a debugger: what the processes that it holds have started, and they themselves. Of `whole` (NULL:
// there is none) also what it has let go since.
int tree_freeze_around(struct engine *g, const struct inferior *list, size_t count, const struct snapshot *whole,
                       struct tree *ret, struct error *e);
void tree_thaw(struct engine *g, struct tree *t);

struct member *tree_find(const struct tree *t, pid_t pid);  // NULL: there is none

// The same of processes that are held already, and are the tree's from now on.
int tree_freeze_held(struct engine *g, struct frozen *list, size_t count, struct tree *ret, struct error *e);

const struct frozen *inferior_threads(const struct inferior *list, size_t count, pid_t pid);  // the same
struct inferior *inferior_find(struct inferior *list, size_t count, pid_t pid);               // NULL: there is none

// Whether the rewind that follows can be done, and in place. As that, but nothing is changed.
int tree_plan_around(struct engine *g, struct snapshot *whole, struct inferior *list, size_t count, struct error *e);

// A rewind around what a debugger holds. In that all is put back but threads that have ended and the registers; the
// caller goes on with `main` of each. (Of one that is `untold` also these threads are made.) What it traced at the
// snapshot, and does not now, is put back (or built anew) and parked for it to attach to. 0; 1: some of the list
// `must_go` first, nothing has changed; -1: the same, for an error; -2: failed under way.
int tree_rewind_around(struct engine *g, struct snapshot *whole, struct inferior *list, size_t count,
                       struct rewind_report *report, struct error *e);

// Whether pages of the process may be shared with a child that it has forked since its last snapshot: then the kernel
// cannot tell which have changed.
bool tree_shares_pages(const struct engine *g, pid_t pid);
