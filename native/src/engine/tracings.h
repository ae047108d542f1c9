// SPDX-License-Identifier: EPL-2.0
// Tracers among the processes of a session (strace, a debugger that was started as a program), and what they trace.
//
// There can be one tracer only. So a tracer is held first; then its own thread is made to let go of each thread that it
// traces, which we seize, and from there on it is a thread as any other. Before the session goes on, the tracer's
// thread is made to seize it again and the stop in which the tracer believes it is made once more: the tracer notices
// nothing.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "trace/arch/arch.h"

struct tree;
struct frozen;
struct inferior;
struct executor;

// In the eyes of its tracer.
enum tracing_stop {
  TRACING_RUNS,        // let go by `request`
  TRACING_IN_CALL,     // the same, in a system call of which the tracer has seen the beginning
  TRACING_AT_CALL,     // syscall-enter-stop
  TRACING_AFTER_CALL,  // syscall-exit-stop
  TRACING_SIGNAL,      // signal-delivery-stop
  TRACING_STOPPED,     // PTRACE_EVENT_STOP: interrupted, new, or stopped by job control
  TRACING_LISTENS,     // stopped by job control, and left so (PTRACE_LISTEN)
};

// A thread that a thread of another process of the session traces.
struct tracing {
  pid_t tracer_pid, tracer;  // process and thread
  pid_t pid, tid;
  bool is_seized;    // not attached to
  uint64_t options;  // 0: not known yet
  long request;
  enum tracing_stop stop;
  bool is_told;                // the tracer has waited for the stop
  struct registers registers;  // at a call, after one, and where a signal is delivered
  siginfo_t info;              // of that signal
  uint64_t debug[ARCH_DEBUG_REGISTERS];
};

struct tracings {
  struct tracing *item;  // a tracer before what it traces, if it is itself traced
  size_t count, capacity;
};

// What has been found out of a tracer.
struct known_tracer {
  pid_t tracer;
  uint64_t start, options;
  bool is_seized;
  long request;  // with which it was seen to let a thread go; 0: none
};

struct known_tracers {
  struct known_tracer *item;
  size_t count, capacity;
};

void tracings_copy(const struct tracings *from, struct tracings *to);
void tracings_done(struct tracings *l);
bool tracings_have(const struct tracings *l, pid_t tid);

// Takes all threads of the process that are traced by processes of the tree, which are held. It is to be frozen next:
// each thread will tell of a stop. 0; 1: a tracer or what it traces is under way, let them go on and try again; -1.
int tracings_take(struct tree *t, pid_t pid, struct error *e);
// Gives all back to their tracers, which are held still; the list is empty then. What fails goes on alone.
// `inferior`: what a debugger holds, which may be tracers, too.
int tracings_give_back(struct tracings *l, const struct inferior *inferior, size_t inferiors, struct error *e);

// ---- one of them; the proxy is in the tracer's thread ----

int tracing_take(struct executor *proxy, struct tracing *k, struct error *e);  // as tracings_take
int tracing_give_back(struct executor *proxy, struct tracing *k, struct error *e);
