// SPDX-License-Identifier: EPL-2.0
// Live snapshots of what a debugger traces: there can be one tracer only, so all is done by calls that
// the debugger's own main thread makes. It waits in a call of ours meanwhile, so its state is quiet.
#pragma once

#include "engine/engine.h"

struct Snapback__Image__Process;
struct debugged;
struct restart_tree;

// Holds the debugger's main thread; the inferiors, at least one, may have stopped or running threads.
int debugged_open(struct engine *g, pid_t debugger, const pid_t *list, size_t count, struct debugged **ret,
                  struct error *e);
void debugged_close(struct debugged *d);

// Stops the running threads, unnoticed by the debugger. ERROR_BUSY: an event of the program waits to be fetched
// by the debugger; let it, and try again.
int debugged_stop(struct debugged *d, struct error *e);
int debugged_continue(struct debugged *d, struct error *e);  // those that debugged_stop has stopped

// All threads are stopped.
int debugged_capture(struct debugged *d, struct snapshot **ret, struct error *e);

// One thread stands before its process's jump pad.
struct passage {
  pid_t process, thread;
  unsigned steps;
  bool is_last;  // all other processes have passed
};

// What the debugger is to do next: step that thread so many instructions, with all others held, and call
// debugged_settle from the stop; end those of the inferiors that debugged_must_go tells; attach to those that it does
// not trace and did at the snapshot: they are parked as debugged_rebuild leaves them. After both come again.
enum { DEBUGGER_STEPS, DEBUGGER_ENDS, DEBUGGER_ATTACHES };

// Puts all back. The stop of `reporter` (a thread; 0: any) is the last. One of the above; -1: failed, nothing has
// changed; -2: failed under way: end the inferiors and build all anew (debugged_rebuild).
int debugged_rewind(struct debugged *d, struct snapshot *whole, pid_t reporter, struct rewind_report *report,
                    struct passage *ret, struct error *e);
bool debugged_must_go(const struct debugged *d, size_t index);  // of the list that was opened

// After the stop. 0: done; 1: there is another passage; -1.
int debugged_settle(struct debugged *d, struct snapshot *whole, struct rewind_report *report, struct passage *ret,
                    struct error *e);

// The debugger itself has been put back to where it was at the snapshot: put the inferiors back without its notice.
// Before it is, debugged_plan_untold tells whether that can be done.
int debugged_plan_untold(struct debugged *d, struct snapshot *whole, struct error *e);
int debugged_rewind_untold(struct debugged *d, struct snapshot *whole, struct rewind_report *report, struct error *e);

// All inferiors have ended: builds them anew under their old numbers, untraced, all threads parked in pause(2) with all
// signals blocked, ready for the debugger to attach; then debugged_rewind gives them their registers.
int debugged_rebuild(struct engine *g, struct snapshot *whole, pid_t debugger, struct rewind_report *report,
                     struct error *e);

// A program from an image becomes a live snapshot, and ends: debugged_rebuild builds it anew for a debugger to trace.
// The process has been started and is held, as engine_restart wants it.
int debugged_restart(struct engine *g, struct restart_tree *r, struct snapshot **ret, struct error *e);

// Both have been built from an image: the debugger's main thread attaches to all threads of the inferior, which is
// parked as debugged_rebuild leaves it, as if it had traced them all the time. `then`: the inferior in the image.
int debugged_adopt(pid_t debugger, const struct Snapback__Image__Process *then, struct error *e);
