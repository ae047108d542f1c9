// SPDX-License-Identifier: EPL-2.0
// A process that waits for a debugger to attach to it.
#pragma once

#include "engine/state.h"

// Lets a held process go, all of its threads in pause(2) with all signals blocked, so that the debugger may trace it.
int adopt_park(const struct process_state *s, struct frozen *f, pid_t debugger, struct error *e);
