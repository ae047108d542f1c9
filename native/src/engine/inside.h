// SPDX-License-Identifier: EPL-2.0
// What processes and threads tell nobody but themselves. A process and its main thread are asked in one batch of calls,
// that of the clone: each batch costs two switches.
#pragma once

#include "engine/state.h"

struct own_reading {
  size_t address, alternate, robust;
  unsigned first;
  struct settings_reading settings;
};

struct inside_reading {
  struct own_reading own;  // of the main thread
  size_t subreaper, death;
  unsigned brk, segments;
  struct settings_reading settings;
  struct interval_reading timers;
};

// Calls that the thread of `x` is to make, and what they have told when they have been made.
struct own_reading own_add_reading(struct batch *b, struct executor *x);
void own_take(struct batch *b, const struct own_reading *r, struct executor *x, struct thread_state *ret);

// The same of the process, and of its main thread.
struct inside_reading inside_add_reading(struct batch *b, struct executor *main);
void inside_take(struct batch *b, const struct inside_reading *r, struct executor *main, struct process_state *ret);
