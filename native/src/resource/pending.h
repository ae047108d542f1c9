// SPDX-License-Identifier: EPL-2.0
// Signals that wait in a process or in a thread, with all that came with them.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "trace/executor.h"

struct pending_signals {
  siginfo_t *item;  // in the order in which they came
  size_t count;
  bool kept;  // not ours to read or to put back
};

// Those that wait in thread `tid` of process `pid`, which `tracer` holds; `shared`: those that any thread may take.
// `set`: as /proc shows them. SIGSTOP and SIGKILL are left out: they stop or end whoever has them.
int pending_read(struct executor *tracer, pid_t pid, pid_t tid, bool shared, uint64_t set, struct pending_signals *ret,
                 struct error *e);
void pending_done(struct pending_signals *p);
uint64_t pending_set(const struct pending_signals *p);  // bit 0 is signal 1

// Takes all that wait in the executor's thread and in its process, unhandled.
int pending_discard(struct executor *x, struct error *e);
// Lets them wait in the executor's thread `tid` again; 0: in its process, whose main thread the executor must be in.
int pending_put_back(struct executor *x, pid_t tid, const struct pending_signals *p, struct error *e);
