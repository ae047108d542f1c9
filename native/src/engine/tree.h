// SPDX-License-Identifier: EPL-2.0
// All processes of a session, held at one instant.
#pragma once

#include "engine/state.h"
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
  struct pipe_ends writers;  // while it is captured
  struct file_census files;  // the same
};

// Holds every process of the session that is not our own. While it lasts, engine.tree is this one.
int tree_freeze(struct engine *g, struct tree *ret, struct error *e);
void tree_thaw(struct engine *g, struct tree *t);

struct member *tree_find(const struct tree *t, pid_t pid);  // NULL: there is none

// Whether pages of the process may be shared with a child that it has forked since its last snapshot: then the kernel
// cannot tell which have changed.
bool tree_shares_pages(const struct engine *g, pid_t pid);
