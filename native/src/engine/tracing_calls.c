// SPDX-License-Identifier: EPL-2.0
// Calls of a tracer's thread about a thread that it traces.
#include "engine/tracing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proc/memory.h"
#include "trace/instruction.h"
#include "trace/wait.h"

int tracing_open(struct tracing_calls *c, struct error *e) {
  _cleanup_fd_ int memory = memory_open(c->k->pid, O_RDONLY);
  if (memory < 0)
    return error_set_errno(e, memory, "cannot open the memory of process %d", c->k->pid);
  if (instruction_find(c->k->pid, memory, &c->instruction, e) < 0)
    return -1;
  c->b = batch_new();
  return 0;
}

unsigned tracing_add(struct tracing_calls *c, long request, uint64_t address, struct arg data) {
  return CALL(c->b, SYS_ptrace, NUMBER(request), NUMBER(c->k->tid), NUMBER(address), data);
}

size_t tracing_add_look(struct tracing_calls *c, int flags) {
  size_t at = batch_data(c->b, NULL, sizeof(siginfo_t));
  (void)CALL(c->b, SYS_waitid, NUMBER(P_PID), NUMBER(c->k->tid), POINTER(at),
             NUMBER(WSTOPPED | WEXITED | WNOWAIT | __WALL | flags), NUMBER(0));
  return at;
}

int tracing_run(struct tracing_calls *c, struct error *e) { return executor_run(c->proxy, c->b, e); }

int tracing_check(const struct tracing_calls *c, unsigned index, struct error *e) {
  int64_t r = batch_result(c->b, index);
  return r < 0 ? error_set_errno(e, (int)r, "process %d, the tracer of thread %d, cannot drive it for us",
                                 c->k->tracer_pid, c->k->tid)
               : 0;
}

bool tracing_listens(struct tracing_calls *c, struct error *e) {
  batch_clear(c->b);
  size_t at = batch_data(c->b, NULL, sizeof(struct registers));
  unsigned read = tracing_add(c, PTRACE_GETREGS, 0, POINTER(at));
  return tracing_run(c, e) == 0 && batch_result(c->b, read) == -ESRCH;
}

int tracing_seize(pid_t tid) {
  int status;
  if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC) < 0 ||
      ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0)
    return -1;
  int r = wait_for_thread(tid, false, &status);
  errno = r < 0 ? -r : ESRCH;
  return r == 0 && WIFSTOPPED(status) ? 0 : -1;
}
