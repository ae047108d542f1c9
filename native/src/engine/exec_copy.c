// SPDX-License-Identifier: EPL-2.0
// A process that had executed another program than its parent, made anew: a copy of the parent executes the program
// once more, and its memory is emptied, so that a rewind fills it from the template.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "engine/restart_state.h"
#include "engine/save_state.h"
#include "engine/tree.h"
#include "proc/memory.h"
#include "trace/wait.h"

// What execve(2) reads, at the end of the area.
struct words {
  uint64_t argv[2], envp[1];
  char path[ARCH_PAGE - 64];
};

static int fail(pid_t pid, int r, struct error *e) {
  return error_set_errno(e, r, "cannot execute the program of process %d again", pid);
}

// The stop lies inside of execve(2): on to its end.
static int leave_call(pid_t pid, struct error *e) {
  int status;
  if (ptrace(PTRACE_SYSCALL, pid, 0, 0) < 0 || wait_for_thread(pid, false, &status) < 0 || !WIFSTOPPED(status))
    return fail(pid, -ESRCH, e);
  return 0;
}

static int await_exec(pid_t pid, struct error *e) {
  enum { STOPS_AT_MOST = 16, EXEC_STOP = SIGTRAP | PTRACE_EVENT_EXEC << 8 };
  int status;
  for (int i = 0; i < STOPS_AT_MOST; i++) {
    if (ptrace(PTRACE_CONT, pid, 0, 0) < 0 || wait_for_thread(pid, false, &status) < 0 || !WIFSTOPPED(status))
      return fail(pid, -ESRCH, e);
    if (status >> 8 == EXEC_STOP)
      return leave_call(pid, e);
    if (WSTOPSIG(status) == SIGSEGV)  // behind a call that has failed there is nothing to go on with
      break;
  }
  return fail(pid, -EACCES, e);
}

static int execute(pid_t pid, struct executor *x, const char *path, struct error *e) {
  struct registers r = *executor_registers(x);
  uint64_t at = executor_area(x) + EXECUTOR_AREA - ARCH_PAGE;
  struct words w = {.argv = {at + offsetof(struct words, path)}};
  const uint64_t args[6] = {at + offsetof(struct words, path), at, at + offsetof(struct words, envp)};
  if (strlen(path) >= sizeof w.path)
    return fail(pid, -ENAMETOOLONG, e);
  (void)strcpy(w.path, path);
  int written = memory_write(pid, at, &w, sizeof w);
  if (written < 0)
    return fail(pid, written, e);
  arch_start_call(&r, executor_instruction(x), SYS_execve, args);
  if (ptrace(PTRACE_SETREGS, pid, 0, &r) < 0 ||
      ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC) < 0)
    return fail(pid, -errno, e);
  return await_exec(pid, e);
}

int exec_again(pid_t pid, struct executor *x, const char *path, struct error *e) {
  int r = execute(pid, x, path, e);
  executor_forget(x);
  return r;
}

// The vdso at its old place, and the kernel's record of where things are.
static int empty(const struct process_state *s, const struct frozen *f, struct restart *r, struct error *e) {
  struct process_state scratch = {.engine = s->engine, .pid = s->pid};
  struct restarting w = {.r = r, .engine = s->engine, .s = &scratch, .f = *f};
  if (restart_clear(&w, e) < 0 || restart_put_vdso_back(&w, e) < 0 || restart_set_fields(&w, e) < 0) {
    executor_forget(w.main);
    return -1;
  }
  return executor_close(w.main, e);
}

int exec_copy(const struct process_state *s, const struct frozen *f, struct executor *x, struct error *e) {
  Snapback__Image__Process *p = NEW(Process, PROCESS);
  struct restart r = {.process = p};
  p->area = s->area;
  set_bytes(&p->auxiliary_vector, s->auxiliary_vector, s->auxiliary_size);
  int read = template_mappings(s, &r.then);
  int result = read < 0 ? error_set_errno(e, read, "cannot read the mappings of process %d", s->pid)
                        : save_describe_memory_fields(s, p, e);
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/exe", s->template.pid);
  if (result == 0)
    result = exec_again(s->pid, x, path, e);
  else
    executor_forget(x);
  if (result == 0)
    result = empty(s, f, &r, e);
  mappings_done(&r.then);
  snapback__image__process__free_unpacked(p, NULL);
  return result;
}
