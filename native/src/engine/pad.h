// SPDX-License-Identifier: EPL-2.0
// The jump pads of a rewind under a debugger, from the rewind to the stops that the debugger takes: one in each process
// that it traces, one passed after the other.
#pragma once

#include "engine/state.h"

// Maps the pad into the process; the thread `reporter` passes through it, if it is one of it (else the main thread).
int pad_open(struct frozen *f, struct process_state *s, struct executor *main, pid_t reporter, struct error *e);

// Whose pad is being passed, or is to be next: the one with the user's thread comes last. NULL: none is open.
struct process_state *pad_turn(const struct snapshot *whole);
bool pad_is_last(const struct snapshot *whole);

// Gives all threads their registers, and the reporter those that start its next passage.
int pad_aim(struct frozen *f, struct process_state *s, struct error *e);

// Looks at the threads that a passage has made. 1: there are more to make; 0: done.
int pad_next(struct frozen *f, struct process_state *s, struct rewind_report *report, struct error *e);

// Gives the new threads what only they can set, and unmaps the pad.
int pad_close(struct frozen *f, struct process_state *s, struct executor *main, struct error *e);

void pads_forget(struct snapshot *whole);  // of a rewind that has been given up
