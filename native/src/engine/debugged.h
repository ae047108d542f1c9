// SPDX-License-Identifier: EPL-2.0
// Live snapshots of a program that a debugger traces: there can be one tracer only, so all is done by calls that
// the debugger's own main thread makes. It waits in a call of ours meanwhile, so its state is quiet.
#pragma once

#include "engine/engine.h"

struct debugged;
struct restart_tree;

// Holds the debugger's main thread; `inferior` may have stopped or running threads.
int debugged_open(struct engine *g, pid_t debugger, pid_t inferior, struct debugged **ret, struct error *e);
void debugged_close(struct debugged *d);

// Stops the running threads, unnoticed by the debugger. ERROR_BUSY: an event of the program waits to be fetched
// by the debugger; let it, and try again.
int debugged_stop(struct debugged *d, struct error *e);
int debugged_continue(struct debugged *d, struct error *e);  // those that debugged_stop has stopped

// All threads are stopped.
int debugged_capture(struct debugged *d, struct snapshot **ret, struct error *e);

// Puts the inferior back and aims `reporter` (a thread; 0: the main thread) at the pad: let the debugger step it
// `*ret_steps` instructions, with all other threads held, and call debugged_settle from the stop.
// 0; -1: failed, nothing has changed; -2: failed under way: end the inferior and build it anew (debugged_rebuild).
int debugged_rewind(struct debugged *d, struct snapshot *whole, pid_t reporter, struct rewind_report *report,
                    unsigned *ret_steps, struct error *e);

// After the stop. 0: done; 1: let the debugger step the reporter `*ret_steps` more and call again; -1.
int debugged_settle(struct debugged *d, struct snapshot *whole, struct rewind_report *report, unsigned *ret_steps,
                    struct error *e);

// The debugger itself has been put back to where it was at the snapshot: put the inferior back without its notice.
int debugged_rewind_untold(struct debugged *d, struct snapshot *whole, struct rewind_report *report, struct error *e);

// The inferior has ended: builds it anew under its old number, untraced, all threads parked in pause(2) with all
// signals blocked, ready for the debugger to attach; then debugged_rewind gives it its registers.
int debugged_rebuild(struct engine *g, struct snapshot *whole, pid_t debugger, struct rewind_report *report,
                     struct error *e);

// A program from an image becomes a live snapshot, and ends: debugged_rebuild builds it anew for a debugger to trace.
// The process has been started and is held, as engine_restart wants it.
int debugged_restart(struct engine *g, struct restart_tree *r, struct snapshot **ret, struct error *e);

// Both have been built from an image: the debugger's main thread attaches to all threads of the inferior, which is
// parked as debugged_rebuild leaves it, as if it had traced them all the time.
int debugged_adopt(pid_t debugger, pid_t inferior, struct error *e);
