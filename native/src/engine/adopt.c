// SPDX-License-Identifier: EPL-2.0
// A program that a debugger is to trace, and does not yet: built anew under its old number, or traced again.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/adopt.h"
#include "engine/debugged.h"
#include "engine/host.h"
#include "engine/restart_state.h"
#include "engine/tree.h"
#include "proc/status.h"

static int allow_tracing_by(pid_t debugger, pid_t pid, struct error *e) {
  struct executor *main;
  if (executor_open(executor_self(), pid, pid, NULL, &main, e) < 0)
    return -1;
  // Without Yama there is no such call, and no need for it.
  (void)executor_call(main, e, SYS_prctl, PR_SET_PTRACER, (uint64_t)debugger, 0, 0, 0, 0);
  return executor_close(main, e);
}

static int park(pid_t tid, const struct thread_state *t, uint64_t instruction, struct error *e) {
  static const uint64_t all = ~(uint64_t)0, none[6];
  struct registers r = t->registers;
  arch_start_call(&r, instruction, SYS_pause, none);
  if (ptrace(PTRACE_SETREGS, tid, 0, &r) < 0 || ptrace(PTRACE_SETSIGMASK, tid, 8, &all) < 0 ||
      ptrace(PTRACE_DETACH, tid, 0, 0) < 0)
    return error_set_errno(e, -errno, "cannot let thread %d go", tid);
  return 0;
}

int adopt_park(const struct process_state *s, struct frozen *f, pid_t debugger, struct error *e) {
  int r = allow_tracing_by(debugger, s->pid, e);
  for (size_t i = 0; r == 0 && i < s->threads; i++)
    r = park(s->thread[i].tid, &s->thread[i], s->instruction, e);
  if (r < 0)
    return -1;
  free(f->tid);
  *f = (struct frozen){0};
  return 0;
}

int debugged_rebuild(struct engine *g, struct snapshot *whole, pid_t debugger, struct rewind_report *report,
                     struct error *e) {
  g->debugger = debugger;
  g->inferiors = 0;
  if (g->on_host)
    return host_refuse_process(whole->process[0], e);
  int r = tree_rewind_around(g, whole, NULL, 0, report, e);
  engine_tell_shortfalls(g, report);
  return r < 0 ? -1 : 0;
}

// ---- a program from an image ----

// Those that it traced when they were saved; of a program that nobody debugged the first one.
static void give_to_debugger(struct snapshot *whole, const struct restart_tree *r) {
  for (size_t i = 0; i < r->count; i++)
    for (size_t k = 0; k < whole->processes; k++)
      if (whole->process[k]->pid == r->item[i].process->pid)
        whole->process[k]->is_inferior = r->item[i].process->is_inferior;
  whole->process[0]->is_inferior = true;
}

// Nobody who starts now, the debugger first of all, is to have a number that is wanted again.
static void keep_numbers(const struct snapshot *whole) {
  pid_t last = kernel_last_pid();
  for (size_t i = 0; i < whole->processes; i++) {
    const struct process_state *s = whole->process[i];
    for (size_t k = 0; k < s->threads; k++)
      last = s->thread[k].tid > last ? s->thread[k].tid : last;
    for (size_t k = 0; k < s->zombies; k++)
      last = s->zombie[k].pid > last ? s->zombie[k].pid : last;
  }
  (void)kernel_set_last_pid(last);
}

int debugged_restart(struct engine *g, struct restart_tree *r, struct snapshot **ret, struct error *e) {
  _cleanup_free_ struct frozen *f = must_alloc(r->count * sizeof *f);
  if (r->item[0].metadata->n_tracing)
    return error_set(
        e, ERROR_REFUSED,
        "the image holds a process that traces others (%d), which snapback gdb cannot take up yet: restart "
        "it by snapback restart",
        r->item[0].metadata->tracing[0]->tracer_process);
  if (restart_held(g, r, f, e) < 0)
    return -1;
  for (size_t i = 0; i < r->count; i++)
    f[i].stopped = r->item[i].process->stopped;
  if (capture_made(g, f, r->count, ret, e) < 0)
    return -1;
  give_to_debugger(*ret, r);
  keep_numbers(*ret);
  return 0;
}

// ---- a debugger that is new too ----

// As gdb asks for when it starts a program.
enum {
  OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
            PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE | PTRACE_O_EXITKILL
};

// `owes_stop`: the debugger has sent it a SIGSTOP, and sends no other one before it has met that.
static int attach_thread(struct executor *debugger, pid_t pid, pid_t tid, bool owes_stop, struct error *e) {
  struct batch *b = batch_new();
  size_t status = batch_data(b, NULL, sizeof(int));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_ATTACH), NUMBER(tid), NUMBER(0), NUMBER(0));
  (void)CALL(b, SYS_wait4, NUMBER(tid), POINTER(status), NUMBER(__WALL));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETOPTIONS), NUMBER(tid), NUMBER(0), NUMBER(OPTIONS));
  if (owes_stop)
    (void)CALL(b, SYS_tgkill, NUMBER(pid), NUMBER(tid), NUMBER(SIGSTOP));
  int r = executor_run(debugger, b, e);
  for (unsigned i = 0; r == 0 && i < batch_count(b); i++)
    if (batch_result(b, i) < 0)
      r = error_set_errno(e, (int)batch_result(b, i), "the debugger cannot trace thread %d again", tid);
  batch_free(b);
  return r;
}

static bool owed_stop(const Snapback__Image__Process *then, pid_t tid) {
  for (size_t i = 0; i < then->n_thread; i++)
    if (then->thread[i]->tid == tid)
      return then->thread[i]->stop_waits;
  return false;
}

int debugged_adopt(pid_t debugger, const Snapback__Image__Process *then, struct error *e) {
  const pid_t inferior = then->pid;
  struct frozen self;
  struct executor *proxy;
  _cleanup_free_ pid_t *list = NULL;
  size_t count;
  int r = thread_list(inferior, &list, &count);
  if (r < 0)
    return error_set_errno(e, r, "cannot list the threads of process %d", inferior);
  if (freeze_main_thread(debugger, &self, e) < 0)
    return -1;
  r = executor_open(executor_self(), debugger, debugger, NULL, &proxy, e);
  if (r == 0) {
    for (size_t i = 0; r == 0 && i < count; i++)
      r = attach_thread(proxy, inferior, list[i], owed_stop(then, list[i]), e);
    if (executor_close(proxy, e) < 0)
      r = -1;
  }
  thaw(&self);
  return r;
}
