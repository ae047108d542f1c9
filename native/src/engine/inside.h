// SPDX-License-Identifier: EPL-2.0
// What a process tells nobody but itself. It is asked for in one batch of calls, with what its main thread is asked
// for: each batch costs two switches.
#pragma once

#include "engine/state.h"

struct inside_reading {
  size_t subreaper, death;
  unsigned brk, segments;
  struct settings_reading settings;
  struct interval_reading timers;
};

struct inside_reading inside_add_reading(struct batch *b);
void inside_take(struct batch *b, const struct inside_reading *r, struct process_state *s);
