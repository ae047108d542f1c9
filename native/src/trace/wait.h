// SPDX-License-Identifier: EPL-2.0
// Waiting for threads of which this process is the tracer, without waiting for ever when they are killed.
//
// The main thread of a killed process cannot be waited for before all its other threads have been: waitpid(2)
// would block although it is dead. And the end of a process belongs to whoever reaps: it is seen here, not taken.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// Waits until the thread stops or ends. 0 and its status, as waitpid(2) gives it, or -errno. A stop is taken. An end
// is taken if `takes_end`; else it is left, and shown as death by SIGKILL.
int wait_for_thread(pid_t tid, bool takes_end, int *ret_status);

// A wait for one main thread is not told when the others of its process, which are killed with it, end first: so a wait
// is one for all tracees, which takes the longer the more there are. Between these two only that for `leader` is (0:
// there is no main thread of several among those that are waited for).
void wait_alone_but(pid_t leader);
void wait_among_all(void);

// What there is to tell of a thread now, without waiting. A stop is taken, an end is left.
enum thread_report { REPORT_NOTHING, REPORT_STOP, REPORT_END, REPORT_STRANGER /* neither tracee nor child */ };
enum thread_report thread_report(pid_t tid, int *ret_status);
bool thread_take_end(pid_t tid, int *ret_status);  // if it has come; also in a signal handler

// Waits until there is something to tell of a thread (0: of any), or until a signal. The thread, 0: a signal.
pid_t wait_for_report(pid_t of);

// `waiter` makes calls for us that wait for threads of those processes (a debugger's main thread, and what it debugs).
// When one is killed meanwhile such a call would never return: while we wait for the waiter, it is ended with EINTR.
// 0: no such waiter any more. The list stays the caller's.
void wait_guard(pid_t waiter, const pid_t *process, size_t count);
