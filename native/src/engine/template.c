// SPDX-License-Identifier: EPL-2.0
// Templates: frozen copy-on-write clones of a process.
#include <errno.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/memory.h"
#include "engine/state.h"
#include "proc/status.h"
#include "trace/journal.h"

enum { STOPPED = 0x7f };  // a status that waitpid(2) could give
enum { NUMBER_TRIES = 2000, NUMBERS_FROM = 20000 };

// CLONE_UNTRACED keeps a debugger's fork events away; CLONE_PTRACE still makes its tracer the clone's.
static int64_t clone_process(struct executor *x, uint64_t more, struct error *e) {
  struct clone_args args = {.flags = CLONE_PTRACE | CLONE_UNTRACED | more};
  return clone_there(x, &args, e);
}

pid_t numbers_set_aside(pid_t pid) {
  pid_t next = kernel_last_pid();
  if (next > 0)
    (void)kernel_set_last_pid(pid > NUMBERS_FROM ? 1 : NUMBERS_FROM);
  return next;
}

void numbers_go_on(pid_t next) {
  if (next > 0)
    (void)kernel_set_last_pid(next);
}

// CLONE_FILES: a copy of the descriptors would cost time, and would hide an end of file from the program, or keep its
// locks.
static int64_t clone_behind(struct executor *main, struct batch *first, bool sibling, struct error *e) {
  const uint64_t flags = CLONE_PTRACE | CLONE_UNTRACED | CLONE_FILES | (sibling ? CLONE_PARENT : 0);
  const struct clone_args args = {.flags = flags};
  size_t at = batch_data(first, &args, sizeof args);
  unsigned clone = CALL(first, SYS_clone3, POINTER(at), NUMBER(sizeof args));
  return executor_run(main, first, e) < 0 ? -EIO : batch_result(first, clone);
}

static int64_t clone_template(struct executor *main, struct batch *first, bool sibling, struct error *e) {
  int r = fault(FAULT_capture_clone);
  if (r < 0)
    return -ENOMEM;
  pid_t next = numbers_set_aside(executor_pid(main));
  journal_begin_clone(executor_pid(main));
  struct batch *alone = first ? NULL : batch_new();
  int64_t pid = clone_behind(main, first ? first : alone, sibling, e);
  batch_free(alone);
  journal_end_clone(pid > 0 ? (pid_t)pid : 0, executor_pid(main));
  numbers_go_on(next);
  return pid;
}

static int await_stopped(pid_t pid, struct error *e) {
  int status;
  while (waitpid(pid, &status, __WALL) < 0)
    if (errno != EINTR)
      return error_set_errno(e, -errno, "cannot wait for process %d", pid);
  if (!WIFSTOPPED(status))
    return error_set(e, ERROR_FAILED, "process %d ended as soon as it was cloned", pid);
  return ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0
             ? error_set_errno(e, -errno, "cannot trace process %d", pid)
             : 0;
}

// The debugger's thread lets the clone go into pause(2), with all signals blocked, and we seize it there.
int template_take_over(struct template *t, struct executor *tracer, uint64_t instruction, struct error *e) {
  static const uint64_t all = ~(uint64_t)0, none[6];
  struct registers registers;
  struct batch *b = batch_new();
  size_t status = batch_data(b, NULL, sizeof(int)), at = batch_data(b, NULL, sizeof registers);
  (void)CALL(b, SYS_wait4, NUMBER(t->pid), POINTER(status), NUMBER(__WALL));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_GETREGS), NUMBER(t->pid), NUMBER(0), POINTER(at));
  int r = executor_run(tracer, b, e);
  memcpy(&registers, batch_at(b, at), sizeof registers);
  arch_start_call(&registers, instruction, SYS_pause, none);
  batch_clear(b);
  at = batch_data(b, &registers, sizeof registers);
  size_t mask = batch_data(b, &all, sizeof all);
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETREGS), NUMBER(t->pid), NUMBER(0), POINTER(at));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETSIGMASK), NUMBER(t->pid), NUMBER(8), POINTER(mask));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_DETACH), NUMBER(t->pid), NUMBER(0), NUMBER(0));
  if (r == 0)
    r = executor_run(tracer, b, e);
  for (unsigned i = 0; r == 0 && i < 3; i++)
    if (batch_result(b, i) < 0)
      r = error_set_errno(e, (int)batch_result(b, i), "cannot take template %d over from the debugger", t->pid);
  batch_free(b);
  if (r == 0 && (ptrace(PTRACE_SEIZE, t->pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0 ||
                 ptrace(PTRACE_INTERRUPT, t->pid, 0, 0) < 0))
    r = error_set_errno(e, -errno, "cannot trace template %d", t->pid);
  return r;
}

// A template leaves the group and the session, if these are of this namespace, whose numbers it would keep busy (the
// session outside has the terminal, which it is to have when it becomes the program), and holds no descriptors. To
// leave the table that it shares the kernel copies it and closes the copy: nobody else may close anything meanwhile.
// Who uses System V memory is counted, and what is removed goes with its last user.
static int leave_all(struct executor *x, const struct process_state *s, struct error *e) {
  struct batch *b = batch_new();
  if (s->session > 0)
    (void)CALL(b, SYS_setsid, NUMBER(0));
  else
    (void)CALL(b, SYS_setpgid, NUMBER(0), NUMBER(0));
  unsigned closed = CALL(b, SYS_close_range, NUMBER(0), NUMBER(~0U), NUMBER(CLOSE_RANGE_UNSHARE));
  system_v_views_add_unmapping(&s->views, b);
  int r = executor_run(x, b, e);
  if (r == 0 && batch_result(b, closed) < 0)
    r = error_set_errno(e, (int)batch_result(b, closed), "cannot close the descriptors of a template");
  batch_free(b);
  return r;
}

int template_settle(struct template *t, const struct process_state *s, struct error *e) {
  if (await_stopped(t->pid, e) < 0)
    return -1;
  int r = fault(FAULT_capture_template);
  if (r < 0)
    return error_set_errno(e, r, "cannot set template %d to rest", t->pid);
  if (executor_adopt(executor_self(), t->pid, s->area, s->instruction, true, &t->x, e) < 0)
    return -1;
  return leave_all(t->x, s, e);
}

int template_mappings(const struct process_state *s, struct mappings *ret) {
  int r = mappings_read(s->template.pid, ret);
  if (r == 0 && !ret->count) {
    mappings_done(ret);
    return -ESRCH;  // killed, and not reaped yet: what has no memory must not be taken for the program's
  }
  if (r == 0) {
    mappings_cut(ret, s->area, s->area + EXECUTOR_AREA);
    system_v_views_add(&s->views, ret);
  }
  return r;
}

int template_check(const struct process_state *s, struct error *e) {
  struct process_status status;
  if (s->template.pid && status_read(s->template.pid, &status) == 0 && status.state == 't')
    return 0;
  return error_set(
      e, ERROR_NO_SUCH_SNAPSHOT,
      "the process that held the memory of this snapshot has been killed (for lack of memory, perhaps), so "
      "the snapshot is lost: rewind to another one");
}

void template_note_end(struct engine *g, pid_t pid) {
  struct process_status s;
  if (kill(pid, 0) < 0 || status_read(pid, &s) < 0 || s.parent == getpid())
    return;
  array_reserve(g->ended, g->ended_count, g->ended_capacity);
  g->ended[g->ended_count++] = (struct ended){.pid = pid, .parent = s.parent};
}

void template_end(struct engine *g, struct template *t) {
  if (!t->pid)
    return;
  (void)kill(t->pid, SIGKILL);
  executor_forget(t->x);
  int status;
  do {
    if (waitpid(t->pid, &status, __WALL) >= 0)
      continue;
    if (errno != EINTR)
      break;
    status = STOPPED;
  } while (WIFSTOPPED(status));
  template_note_end(g, t->pid);
  *t = (struct template){0};
}

static void end_wrong_one(pid_t pid) {
  (void)kill(pid, SIGKILL);
  int status;
  while (waitpid(pid, &status, __WALL) >= 0 || errno == EINTR)
    if (WIFEXITED(status) || WIFSIGNALED(status))
      break;
}

static int next_number(pid_t pid, struct error *e) {
  int r = kernel_set_last_pid(pid - 1);
  return r < 0 ? error_set_errno(e, r, "cannot ask for the process number %d", pid) : 0;
}

// The copy of a process that a debugger traces is the debugger's, too, until we take it.
static bool is_debuggers(const struct executor *main) { return executor_tracer(main) != executor_self(); }

static int take_copy(struct executor *main, pid_t pid, struct error *e) {
  struct template copy = {.pid = pid};
  if (is_debuggers(main) && template_take_over(&copy, executor_tracer(main), executor_instruction(main), e) < 0)
    return -1;
  return await_stopped(pid, e);
}

static void end_wrong_copy(struct executor *main, struct executor *parent, pid_t pid, struct error *e) {
  if (is_debuggers(main)) {
    (void)kill(pid, SIGKILL);
    (void)executor_call(executor_tracer(main), e, SYS_wait4, (uint64_t)pid, 0, __WALL, 0, 0, 0);
  } else {
    end_wrong_one(pid);
  }
  (void)executor_call(parent ? parent : main, e, SYS_wait4, (uint64_t)pid, 0, __WALL, 0, 0, 0);
}

int process_fork(struct executor *main, struct executor *parent, pid_t pid, struct error *e) {
  for (int i = 0; i < NUMBER_TRIES; i++) {
    if (next_number(pid, e) < 0)
      return -1;
    struct clone_args args = {.flags = CLONE_PTRACE | CLONE_UNTRACED | (parent ? CLONE_PARENT : 0),
                              .exit_signal = parent ? 0 : SIGCHLD};
    int64_t clone = clone_there(main, &args, e);
    if (clone < 0)
      return error_set_errno(e, (int)clone, "cannot make process %d again", pid);
    if (clone == pid)
      return take_copy(main, pid, e);
    end_wrong_copy(main, parent, (pid_t)clone, e);
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  return error_set(e, ERROR_BUSY, "the process number %d is in use by another process of the session", pid);
}

// ---- one that is nobody's child but ours ----

// In a copy of the process that has just been made.
static int open_copy(struct executor *main, pid_t pid, struct executor **ret, struct error *e) {
  if (is_debuggers(main) ? executor_call(executor_tracer(main), e, SYS_wait4, (uint64_t)pid, 0, __WALL, 0, 0, 0) == -EIO
                         : await_stopped(pid, e) < 0)
    return -1;
  return executor_adopt(executor_tracer(main), pid, executor_area(main), executor_instruction(main), true, ret, e);
}

static int64_t clone_orphan(struct executor *main, struct batch *first, struct error *e) {
  struct executor *between;
  int64_t pid = clone_template(main, first, false, e);
  if (pid < 0)
    return pid;
  int64_t orphan = -EIO;
  if (open_copy(main, (pid_t)pid, &between, e) == 0) {
    orphan = clone_template(between, NULL, false, e);
    executor_forget(between);
  }
  end_wrong_copy(main, NULL, (pid_t)pid, e);
  return orphan;
}

int template_make(struct executor *main, struct batch *first, enum template_kind kind, struct template *ret,
                  struct error *e) {
  int64_t pid =
      kind == TEMPLATE_ORPHAN ? clone_orphan(main, first, e) : clone_template(main, first, kind == TEMPLATE_SIBLING, e);
  if (pid == -ENOMEM)
    return error_set(
        e, ERROR_NO_MEMORY,
        "not enough memory for a template of process %d: delete snapshots, or give the machine more memory",
        executor_pid(main));
  if (pid == -EAGAIN)
    return error_set(e, ERROR_NO_MEMORY,
                     "no process number is left for a template of process %d: delete snapshots, or raise ulimit -u",
                     executor_pid(main));
  if (pid < 0)
    return error_set_errno(e, (int)pid, "cannot clone process %d", executor_pid(main));
  *ret = (struct template){.pid = (pid_t)pid};
  return 0;
}

// A clone of the template with the number `pid`, stopped and traced by us, with its area. The pid, or -1.
pid_t template_clone(struct template *t, pid_t pid, struct error *e) {
  int r = fault(FAULT_rebuild_clone);
  if (r < 0)
    return error_set_errno(e, r, "cannot build process %d anew", pid);
  for (int i = 0; i < NUMBER_TRIES; i++) {
    if (next_number(pid, e) < 0)
      return -1;
    int64_t clone = clone_process(t->x, CLONE_PARENT, e);
    if (clone < 0)
      return error_set_errno(e, (int)clone, "cannot build process %d anew", pid);
    if (clone == pid)
      return await_stopped(pid, e) < 0 ? -1 : pid;
    end_wrong_one((pid_t)clone);
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  return error_set(e, ERROR_BUSY, "the process number %d is in use by another process of the session", pid);
}
