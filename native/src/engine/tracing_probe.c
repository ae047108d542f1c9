// SPDX-License-Identifier: EPL-2.0
// With which options a thread is traced: seen in what its tracer hears of a clone of it.
//
// A clone with CLONE_PTRACE has the tracer and all options of its original. It lives for a moment, forks, executes the
// program again and ends: the stops on the way tell what has been asked for.
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "engine/state.h"
#include "engine/tracing_calls.h"
#include "proc/memory.h"
#include "proc/status.h"
#include "trace/instruction.h"

struct probe {
  struct executor *tracer, *original, *x;
  pid_t pid;
  struct registers registers;  // where it has stopped last
  bool is_seized;
};

static int64_t wait_in(struct executor *x, pid_t pid, struct error *e) {
  return executor_call(x, e, SYS_wait4, (uint64_t)pid, 0, __WALL, 0, 0, 0);
}

// Its stops come first: the one that it stands in, and that of its end.
static int end(struct probe *p, pid_t pid, struct executor *parent, struct error *e) {
  struct batch *b = batch_new();
  bool has_ended = false;
  (void)kill(pid, SIGKILL);
  int r = 0;
  while (r == 0 && !has_ended) {
    int status = 0;
    batch_clear(b);
    size_t at = batch_data(b, &status, sizeof status);
    (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_CONT), NUMBER(pid), NUMBER(0), NUMBER(0));
    (void)CALL(b, SYS_wait4, NUMBER(pid), POINTER(at), NUMBER(__WALL));
    r = executor_run(p->tracer, b, e);
    memcpy(&status, batch_at(b, at), sizeof status);
    has_ended = batch_result(b, 1) < 0 || !WIFSTOPPED(status);
  }
  batch_free(b);
  return r < 0 || wait_in(parent, pid, e) == -EIO ? -1 : 0;
}

static bool has_event(const struct probe *p, int event) { return executor_events(p->x) >> event & 1; }

// ---- what a fork tells ----

// What is forked goes round in our area until it is ended.
static int fork_once(struct probe *p, uint64_t flags, struct error *e) {
  int64_t pid = executor_call(p->x, e, SYS_clone, flags, 0, 0, 0, 0, 0);
  if (pid <= 0)
    return error_set_errno(e, (int)pid, "cannot find out how process %d is traced", p->pid);
  return end(p, (pid_t)pid, p->x, e);
}

// One that waits in vfork(2) could not tell: nobody asks for the one without the other.
static int probe_forks(struct probe *p, uint64_t *options, struct error *e) {
  int r = fault(FAULT_tracers_options);
  if (r < 0)
    return error_set_errno(e, r, "cannot find out how process %d is traced", p->pid);
  if (fork_once(p, SIGCHLD, e) < 0 || fork_once(p, 0, e) < 0)
    return -1;
  if (has_event(p, PTRACE_EVENT_FORK))
    *options |= PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | (p->is_seized ? 0 : PTRACE_O_TRACEVFORKDONE);
  if (has_event(p, PTRACE_EVENT_CLONE))
    *options |= PTRACE_O_TRACECLONE;
  return 0;
}

// ---- what an exec and an end tell ----

// Lets it make a call, and stop `stops` times: each time it is let go by `requests`.
static int call_to_stops(struct probe *p, const struct registers *r, const long *requests, int stops, int *ret_status,
                         struct error *e) {
  struct batch *b = batch_new();
  size_t status[2], at = batch_data(b, r, sizeof *r);
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETREGS), NUMBER(p->pid), NUMBER(0), POINTER(at));
  for (int i = 0; i < stops; i++) {
    status[i] = batch_data(b, NULL, sizeof(int));
    (void)CALL(b, SYS_ptrace, NUMBER(requests[i]), NUMBER(p->pid), NUMBER(0), NUMBER(0));
    (void)CALL(b, SYS_wait4, NUMBER(p->pid), POINTER(status[i]), NUMBER(__WALL));
  }
  int run = executor_run(p->tracer, b, e);
  for (int i = 0; i < stops; i++)
    memcpy(&ret_status[i], batch_at(b, status[i]), sizeof(int));
  batch_free(b);
  return run;
}

static int go_on(struct probe *p, long request, int *ret_status, struct error *e) {
  struct batch *b = batch_new();
  size_t status = batch_data(b, NULL, sizeof(int)), at = batch_data(b, NULL, sizeof p->registers);
  (void)CALL(b, SYS_ptrace, NUMBER(request), NUMBER(p->pid), NUMBER(0), NUMBER(0));
  (void)CALL(b, SYS_wait4, NUMBER(p->pid), POINTER(status), NUMBER(__WALL));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_GETREGS), NUMBER(p->pid), NUMBER(0), POINTER(at));
  int r = executor_run(p->tracer, b, e);
  memcpy(ret_status, batch_at(b, status), sizeof *ret_status);
  memcpy(&p->registers, batch_at(b, at), sizeof p->registers);
  batch_free(b);
  return r;
}

static int event_of(int status) { return WIFSTOPPED(status) ? status >> 16 : 0; }

// An exec that fails tells nothing: all tracers that follow a program ask for it.
static int probe_exec(struct probe *p, uint64_t *options, struct error *e) {
  static const struct {
    char path[16];
    uint64_t none;
  } exec = {"/proc/self/exe", 0};
  static const long requests[] = {PTRACE_SYSCALL, PTRACE_SYSCALL};
  uint64_t at = executor_area(p->x) + EXECUTOR_AREA - sizeof exec;
  const uint64_t args[6] = {at, at + sizeof exec.path, at + sizeof exec.path};
  int status[2], r = memory_write(p->pid, at, &exec, sizeof exec);
  if (r < 0)
    return error_set_errno(e, r, "cannot write to the memory of process %d", p->pid);
  struct registers call = *executor_registers(p->x);
  arch_start_call(&call, executor_instruction(p->x), SYS_execve, args);
  if (call_to_stops(p, &call, requests, 2, status, e) < 0)
    return -1;
  if (WIFSTOPPED(status[0]) && WSTOPSIG(status[0]) & 0x80)
    *options |= PTRACE_O_TRACESYSGOOD;
  bool is_told = event_of(status[1]) == PTRACE_EVENT_EXEC;
  if (is_told && go_on(p, PTRACE_SYSCALL, &status[1], e) < 0)
    return -1;
  if (is_told || memory_read(p->pid, at, &(char){0}, 1) == 0)
    *options |= PTRACE_O_TRACEEXEC;
  return 0;
}

static int probe_end(struct probe *p, uint64_t *options, struct error *e) {
  static const uint64_t none[6];
  static const long requests[] = {PTRACE_CONT};
  struct registers call = *executor_registers(p->x);
  uint64_t instruction;
  int status, memory = memory_open(p->pid, O_RDONLY);
  int r = memory < 0 ? -1 : instruction_find(p->pid, memory, &instruction, e);
  if (memory >= 0)
    (void)close(memory);
  if (r < 0)
    return -1;
  arch_start_call(&call, instruction, SYS_exit_group, none);
  if (call_to_stops(p, &call, requests, 1, &status, e) < 0)
    return -1;
  if (event_of(status) == PTRACE_EVENT_EXIT) {
    *options |= PTRACE_O_TRACEEXIT;
    return go_on(p, PTRACE_CONT, &status, e);
  }
  return 0;
}

// ---- the clone ----

static int make_clone(struct probe *p, struct error *e) {
  struct clone_args args = {.flags = CLONE_PTRACE | CLONE_UNTRACED};
  int64_t pid = clone_there(p->original, &args, e);
  int status = 0;
  if (pid < 0)
    return error_set_errno(e, (int)pid, "cannot clone process %d", executor_pid(p->original));
  p->pid = (pid_t)pid;
  struct batch *b = batch_new();
  size_t at = batch_data(b, NULL, sizeof status);
  (void)CALL(b, SYS_wait4, NUMBER(pid), POINTER(at), NUMBER(__WALL));
  int r = executor_run(p->tracer, b, e);
  memcpy(&status, batch_at(b, at), sizeof status);
  batch_free(b);
  p->is_seized = event_of(status) == PTRACE_EVENT_STOP;
  if (r == 0)
    r = executor_adopt(p->tracer, p->pid, executor_area(p->original), executor_instruction(p->original), true, &p->x,
                       e);
  return r;
}

static void end_clone(struct probe *p) {
  struct error ignored = {0};
  executor_forget(p->x);
  if (p->pid)
    (void)end(p, p->pid, p->original, &ignored);
}

// Whether it is to end with its tracer nothing tells: a debugger wants that of a program that it has started itself.
static bool ends_with_tracer(const struct tracing *k, bool is_seized) {
  struct process_status s;
  return !is_seized && status_read(k->pid, &s) == 0 && s.parent == k->tracer_pid;
}

// An exec makes its end one that sends SIGCHLD: to a clone, and not to the program.
static int probe_program(struct probe *parent, uint64_t *options, struct error *e) {
  struct probe p = {.tracer = parent->tracer, .original = parent->x};
  int r = make_clone(&p, e) < 0 || probe_exec(&p, options, e) < 0 || probe_end(&p, options, e) < 0 ? -1 : 0;
  end_clone(&p);
  return r;
}

int tracing_probe(struct tracing_calls *c, struct error *e) {
  struct probe p = {.tracer = c->proxy};
  uint64_t options = 0;
  if (executor_open(c->proxy, c->k->pid, c->k->tid, NULL, &p.original, e) < 0)
    return -1;
  int r = make_clone(&p, e) < 0 || probe_forks(&p, &options, e) < 0 || probe_program(&p, &options, e) < 0 ? -1 : 0;
  if (ends_with_tracer(c->k, p.is_seized))
    options |= PTRACE_O_EXITKILL;
  c->k->options = options;
  end_clone(&p);
  return executor_close(p.original, e) < 0 ? -1 : r;
}
