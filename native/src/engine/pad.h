// SPDX-License-Identifier: EPL-2.0
// The jump pad of a rewind under a debugger, from the rewind to the stop that the debugger takes.
#pragma once

#include "engine/state.h"

// Maps the pad into the process; `reporter` is the thread that passes through it (0: the main thread).
int pad_open(struct frozen *f, struct process_state *s, struct executor *main, pid_t reporter, struct error *e);

// Gives all threads their registers, and the reporter those that start its next passage.
int pad_aim(struct frozen *f, struct process_state *s, unsigned *ret_steps, struct error *e);

// Looks at the threads that a passage has made. 1: there are more to make; 0: done.
int pad_next(struct frozen *f, struct process_state *s, struct rewind_report *report, struct error *e);

// Gives the new threads what only they can set, and unmaps the pad.
int pad_close(struct frozen *f, struct process_state *s, struct executor *main, struct error *e);
