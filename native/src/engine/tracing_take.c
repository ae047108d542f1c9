// SPDX-License-Identifier: EPL-2.0
// Taking a thread over from its tracer: what it is in the tracer's eyes, and how it comes to be ours.
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "engine/stepping.h"
#include "engine/tracing_calls.h"
#include "kernel/auxv.h"
#include "proc/status.h"

enum { NOT_NOW = 1, TOLD = 2 };

// What a stop is, by the status that the tracer gets or has got.
struct found {
  int event, signal;
  bool is_call, was_running;
  struct registers registers;
  siginfo_t info;
  uint64_t mask;
  uint8_t op;  // of PTRACE_GET_SYSCALL_INFO
};

// ---- coming to a stop ----

// The stop that waits to be told, if any: its signal and event. 0: none, -1: it has ended.
static int news(struct tracing_calls *c, int *ret, struct error *e) {
  siginfo_t info;
  batch_clear(c->b);
  size_t at = tracing_add_look(c, WNOHANG);
  if (tracing_run(c, e) < 0)
    return -1;
  memcpy(&info, batch_at(c->b, at), sizeof info);
  *ret = 0;
  if (batch_result(c->b, 0) < 0)
    *ret = -1;
  else if (info.si_pid)
    *ret = info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED ? info.si_status : -1;
  return 0;
}

static char state_of(const struct tracing *k) {
  struct process_status s;
  return status_read_thread(k->pid, k->tid, &s) < 0 ? 'X' : s.state;
}

// For a moment only: what waits for a process that is held (vfork) comes to no stop before that goes on.
static int interrupt(struct tracing_calls *c, int *ret_status, struct error *e) {
  enum { TRIES = 100, PAUSE_NS = 200000 };
  batch_clear(c->b);
  unsigned asked = tracing_add(c, PTRACE_INTERRUPT, 0, NUMBER(0));
  if (tracing_run(c, e) < 0)
    return -1;
  c->k->is_seized = batch_result(c->b, asked) == 0;
  if (!c->k->is_seized &&
      executor_call(c->proxy, e, SYS_tgkill, (uint64_t)c->k->pid, (uint64_t)c->k->tid, SIGSTOP, 0, 0, 0) == -EIO)
    return -1;
  for (int i = 0; i < TRIES; i++) {
    if (news(c, ret_status, e) < 0)
      return -1;
    if (*ret_status)
      return *ret_status < 0 ? NOT_NOW : 0;
    (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  }
  return NOT_NOW;
}

// For a thread that has been attached to. One that was let make a single step is not to be stopped before it: it would
// go on without stepping. And one that is about to fork would come to that stop first, with ours behind it for its
// tracer to meet. So whoever is ready to run is given time: a step ends in a stop, and most others in a call that
// waits.
static int let_settle(struct tracing_calls *c, int *ret_status, struct error *e) {
  enum { TRIES = 60, PAUSE_NS = 200000, STEP_NS = 1000000 };
  uint64_t before = stepping_run_time(c->k->pid, c->k->tid), now = before;
  for (int i = 0; i < TRIES && now != UINT64_MAX; i++) {
    (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    now = stepping_run_time(c->k->pid, c->k->tid);
  }
  return now == UINT64_MAX || now >= before + STEP_NS ? news(c, ret_status, e) : NOT_NOW;
}

// 0: it is in a stop, whose status waits to be told; TOLD: it has been; NOT_NOW; -1.
static int find_stop(struct tracing_calls *c, int *ret_status, bool *ret_was_running, struct error *e) {
  *ret_was_running = false;
  if (news(c, ret_status, e) < 0)
    return -1;
  if (*ret_status)
    return *ret_status < 0 ? NOT_NOW : 0;
  char state = state_of(c->k);
  if (strchr("ZXD", state))  // D: in vfork(2), say, and the stop that we would ask for would come at any time
    return NOT_NOW;
  if (state == 't' && news(c, ret_status, e) < 0)  // it may have come to it just now
    return -1;
  int r = state == 't' || c->k->is_seized ? 0 : let_settle(c, ret_status, e);
  if (r != 0)
    return r;
  if (*ret_status)
    return *ret_status < 0 ? NOT_NOW : 0;
  if (state == 't' && !tracing_listens(c, e))
    return TOLD;
  *ret_was_running = state != 't';
  c->k->stop = state == 't' ? TRACING_LISTENS : TRACING_RUNS;
  return interrupt(c, ret_status, e);
}

// ---- what it is ----

static int read_stop(struct tracing_calls *c, struct found *ret, struct error *e) {
  struct __ptrace_syscall_info call = {0};
  batch_clear(c->b);
  size_t registers = batch_data(c->b, NULL, sizeof ret->registers), info = batch_data(c->b, NULL, sizeof ret->info);
  size_t mask = batch_data(c->b, NULL, sizeof ret->mask), op = batch_data(c->b, NULL, sizeof call);
  unsigned first = tracing_add(c, PTRACE_GETREGS, 0, POINTER(registers));
  (void)tracing_add(c, PTRACE_GETSIGINFO, 0, POINTER(info));
  (void)tracing_add(c, PTRACE_GETSIGMASK, sizeof ret->mask, POINTER(mask));
  (void)tracing_add(c, PTRACE_GET_SYSCALL_INFO, sizeof call, POINTER(op));
  if (tracing_run(c, e) < 0 || tracing_check(c, first, e) < 0)
    return -1;
  memcpy(&ret->registers, batch_at(c->b, registers), sizeof ret->registers);
  memcpy(&ret->info, batch_at(c->b, info), sizeof ret->info);
  memcpy(&ret->mask, batch_at(c->b, mask), sizeof ret->mask);
  memcpy(&call, batch_at(c->b, op), sizeof call);
  ret->op = call.op;
  return 0;
}

// Stops of the kernel's own say in their siginfo what they are.
static void name_stop(struct found *s, int status, bool is_told) {
  enum { CALL = SIGTRAP | 0x80 };
  if (is_told) {
    bool is_event = s->info.si_code > 0xff && (s->info.si_code & 0xff) == s->info.si_signo;
    bool is_call = s->info.si_signo == SIGTRAP && (s->info.si_code == CALL || s->info.si_code == SIGTRAP);
    status = is_event || is_call ? s->info.si_code : s->info.si_signo;
  }
  s->event = status >> 8;
  s->signal = status & 0x7f;
  s->is_call = status == CALL || (status == SIGTRAP && s->info.si_code == SIGTRAP);
}

static bool is_at_call(const struct found *s) {
  return s->op == PTRACE_SYSCALL_INFO_NONE ? arch_may_be_at_call(&s->registers) : s->op == PTRACE_SYSCALL_INFO_ENTRY;
}

static bool has_waiting_signals(const struct tracing *k) {
  struct process_status s;
  return status_read_thread(k->pid, k->tid, &s) == 0 && ((s.pending | s.shared_pending) & ~s.blocked);
}

// A call that we have cut ourselves, by the stop that we asked for: the tracer is not to hear of it.
static bool is_our_cut(const struct tracing *k, struct found *s) {
  return s->was_running &&
         (arch_call_is_cut(&s->registers) || (!has_waiting_signals(k) && arch_restart_interrupted(&s->registers)));
}

static int classify_call(struct tracing *k, struct found *s) {
  k->request = PTRACE_SYSCALL;
  if (is_at_call(s)) {
    k->stop = TRACING_AT_CALL;
  } else if (is_our_cut(k, s)) {
    k->stop = TRACING_IN_CALL;
  } else {
    k->stop = TRACING_AFTER_CALL;
  }
  k->registers = s->registers;
  return 0;
}

static int classify_event(struct tracing *k, const struct found *s) {
  if (s->event != PTRACE_EVENT_STOP)
    return NOT_NOW;
  if (s->signal != SIGTRAP && k->stop == TRACING_LISTENS)
    return 0;
  if (!s->was_running || s->signal != SIGTRAP || arch_is_new(&s->registers))
    k->stop = TRACING_STOPPED;
  return 0;
}

static int classify(struct tracing *k, struct found *s) {
  if (s->is_call)
    return classify_call(k, s);
  if (s->event)
    return classify_event(k, s);
  if (s->was_running && !k->is_seized && s->signal == SIGSTOP && s->info.si_code == SI_TKILL &&
      s->info.si_pid == k->tracer_pid) {
    k->request = stepping_is_beside(auxv_value(k->pid, AT_ENTRY), &s->registers) ? PTRACE_SINGLESTEP : k->request;
    return 0;
  }
  if (!s->signal || s->info.si_signo != s->signal)
    return NOT_NOW;
  k->stop = TRACING_SIGNAL;
  k->registers = s->registers;
  k->info = s->info;
  return 0;
}

// ---- coming to be ours ----

// Another stop came before the one that we had asked for.
static bool owes_stop(const struct tracing *k, const struct found *s) {
  struct process_status now;
  return s->was_running && !k->is_seized && k->stop != TRACING_RUNS && status_read_thread(k->pid, k->tid, &now) == 0 &&
         now.pending >> (SIGSTOP - 1) & 1;
}

// It goes to sleep with all signals blocked.
static int let_go(struct tracing_calls *c, const struct found *s, struct error *e) {
  static const uint64_t all = ~(uint64_t)0, none[6];
  struct registers r = s->registers;
  arch_start_call(&r, c->instruction, SYS_pause, none);
  batch_clear(c->b);
  size_t at = batch_data(c->b, &r, sizeof r), mask = batch_data(c->b, &all, sizeof all);
  unsigned interrupted = tracing_add(c, PTRACE_INTERRUPT, 0, NUMBER(0));
  unsigned set = tracing_add(c, PTRACE_SETREGS, 0, POINTER(at));
  (void)tracing_add(c, PTRACE_SETSIGMASK, sizeof all, POINTER(mask));
  if (owes_stop(c->k, s)) {
    (void)tracing_add(c, PTRACE_CONT, 0, NUMBER(0));
    (void)CALL(c->b, SYS_wait4, NUMBER(c->k->tid), NUMBER(0), NUMBER(__WALL));
  }
  unsigned detached = tracing_add(c, PTRACE_DETACH, 0, NUMBER(0));
  if (tracing_run(c, e) < 0 || tracing_check(c, set, e) < 0 || tracing_check(c, detached, e) < 0)
    return -1;
  c->k->is_seized = batch_result(c->b, interrupted) == 0;
  return 0;
}

static int refuse(const struct tracing *k, int r, struct error *e) {
  return error_set_errno(e, r, "cannot take thread %d over from its tracer %d", k->tid, k->tracer);
}

static void read_debug_registers(struct tracing *k) {
  for (int i = 0; i < ARCH_DEBUG_REGISTERS; i++)
    k->debug[i] = (uint64_t)ptrace(PTRACE_PEEKUSER, k->tid, arch_debug_offset[i], 0);
}

// With the registers and the mask that it would go on with if nobody traced it.
static int seize(struct tracing *k, const struct found *s, struct error *e) {
  struct registers r = s->registers;
  if (k->stop == TRACING_AT_CALL)
    arch_begin_call_again(&r);
  if (tracing_seize(k->tid) < 0)
    return refuse(k, -errno, e);
  read_debug_registers(k);
  if (ptrace(PTRACE_SETREGS, k->tid, 0, &r) < 0 || ptrace(PTRACE_SETSIGMASK, k->tid, sizeof s->mask, &s->mask) < 0 ||
      ptrace(PTRACE_INTERRUPT, k->tid, 0, 0) < 0 || ptrace(PTRACE_CONT, k->tid, 0, 0) < 0)
    return refuse(k, -errno, e);
  return 0;
}

// So that it can make calls.
static int leave_call(struct tracing_calls *c, const struct found *s, struct error *e) {
  struct registers r = s->registers;
  arch_leave_call_out(&r);
  batch_clear(c->b);
  unsigned set = tracing_add(c, PTRACE_SETREGS, 0, POINTER(batch_data(c->b, &r, sizeof r)));
  (void)tracing_add(c, PTRACE_SYSCALL, 0, NUMBER(0));
  (void)CALL(c->b, SYS_wait4, NUMBER(c->k->tid), NUMBER(0), NUMBER(__WALL));
  return tracing_run(c, e) < 0 ? -1 : tracing_check(c, set, e);
}

// The tracer, and what it traces, are as before if this fails.
static int find_options(struct tracing_calls *c, const struct found *s, struct error *e) {
  struct error ignored = {0};
  if (c->k->options)
    return 0;
  if ((c->k->stop != TRACING_AT_CALL || leave_call(c, s, e) == 0) && tracing_probe(c, e) == 0)
    return 0;
  (void)tracing_stop_again(c, &(struct tracing_given){s->registers, s->mask}, &ignored);
  return -1;
}

static int look(struct tracing_calls *c, struct found *ret, struct error *e) {
  int status = 0, r = fault(FAULT_tracers_take);
  if (r < 0)
    return refuse(c->k, r, e);
  r = find_stop(c, &status, &ret->was_running, e);
  c->k->is_told = r == TOLD;
  if (r != 0 && r != TOLD)
    return r;
  if (read_stop(c, ret, e) < 0)
    return -1;
  name_stop(ret, status, c->k->is_told);
  return classify(c->k, ret);
}

int tracing_take(struct executor *proxy, struct tracing *k, struct error *e) {
  struct tracing_calls c = {.proxy = proxy, .k = k};
  struct found s = {0};
  if (tracing_open(&c, &(struct error){0}) < 0)
    return NOT_NOW;  // it ends, or executes another program
  int r = look(&c, &s, e);
  if (r == 0 && !k->is_told)
    r = executor_call(proxy, e, SYS_wait4, (uint64_t)k->tid, 0, __WALL, 0, 0, 0) == -EIO ? -1 : 0;
  if (r == 0)
    r = find_options(&c, &s, e) < 0 || let_go(&c, &s, e) < 0 || seize(k, &s, e) < 0 ? -1 : 0;
  batch_free(c.b);
  return r;
}
