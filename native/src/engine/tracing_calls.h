// SPDX-License-Identifier: EPL-2.0
// Calls of a tracer's thread about a thread that it traces; shared by the files tracing_*.c.
#pragma once

#include <sys/ptrace.h>

#include "engine/tracings.h"
#include "trace/executor.h"

struct tracing_calls {
  struct executor *proxy;  // in the tracer's thread
  struct tracing *k;
  struct batch *b;
  uint64_t instruction;  // of a system call, in the process
};

int tracing_open(struct tracing_calls *c, struct error *e);
unsigned tracing_add(struct tracing_calls *c, long request, uint64_t address, struct arg data);
size_t tracing_add_look(struct tracing_calls *c, int flags);  // at what there is to wait for: a siginfo_t
int tracing_run(struct tracing_calls *c, struct error *e);
int tracing_check(const struct tracing_calls *c, unsigned index, struct error *e);
bool tracing_listens(struct tracing_calls *c, struct error *e);  // one that is in a ptrace-stop

// Finds the options with which the thread is traced, which no call tells. It is in a stop, and is to be given all its
// registers again.
int tracing_probe(struct tracing_calls *c, struct error *e);

// What a thread goes on with.
struct tracing_given {
  struct registers registers;
  uint64_t mask;
};

// Makes the stop in which the tracer believes the thread; it traces it, and has stopped it anyhow.
int tracing_stop_again(struct tracing_calls *c, const struct tracing_given *g, struct error *e);

// Makes one that sleeps ours, in a stop. 0 or -1 and errno.
int tracing_seize(pid_t tid);
