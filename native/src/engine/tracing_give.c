// SPDX-License-Identifier: EPL-2.0
// Giving a thread back to its tracer: traced again, and in the stop in which the tracer believes it.
//
// The stop is made anew by the kernel itself: a harmless system call gives the two stops of one, a signal that of its
// delivery. What the tracer can then read, registers and siginfo, is what was there before.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/tracing_calls.h"
#include "trace/wait.h"

static const uint64_t all_signals = ~(uint64_t)0;

// ---- ours no more ----

// What the tracer watches. The last one switches the others on.
static void put_debug_registers_back(const struct tracing *k) {
  const int last = ARCH_DEBUG_REGISTERS - 1;
  bool is_other = false;
  for (int i = 0; i <= last; i++)
    is_other = is_other || (uint64_t)ptrace(PTRACE_PEEKUSER, k->tid, arch_debug_offset[i], 0) != k->debug[i];
  if (!is_other)
    return;
  (void)ptrace(PTRACE_POKEUSER, k->tid, arch_debug_offset[last], 0);
  for (int i = 0; i <= last; i++)
    (void)ptrace(PTRACE_POKEUSER, k->tid, arch_debug_offset[i], k->debug[i]);
}

// One that has been taken over, and not frozen yet, is on its way to a stop that nobody has waited for.
static int read_registers(pid_t tid, struct registers *ret) {
  int status;
  if (ptrace(PTRACE_GETREGS, tid, 0, ret) == 0)
    return 0;
  return errno == ESRCH && wait_for_thread(tid, false, &status) == 0 && WIFSTOPPED(status)
             ? (int)ptrace(PTRACE_GETREGS, tid, 0, ret)
             : -1;
}

static int put_to_sleep(const struct tracing_calls *c, struct tracing_given *ret, struct error *e) {
  static const uint64_t none[6];
  pid_t tid = c->k->tid;
  if (read_registers(tid, &ret->registers) < 0 || ptrace(PTRACE_GETSIGMASK, tid, sizeof ret->mask, &ret->mask) < 0)
    return error_set_errno(e, -errno, "cannot read the registers of thread %d", tid);
  put_debug_registers_back(c->k);
  struct registers r = ret->registers;
  arch_start_call(&r, c->instruction, SYS_pause, none);
  if (ptrace(PTRACE_SETREGS, tid, 0, &r) < 0 || ptrace(PTRACE_SETSIGMASK, tid, sizeof all_signals, &all_signals) < 0 ||
      ptrace(PTRACE_DETACH, tid, 0, 0) < 0)
    return error_set_errno(e, -errno, "cannot let thread %d go", tid);
  return 0;
}

// It goes on by itself, rather than not at all.
static void let_go_alone(const struct tracing_calls *c, const struct tracing_given *g) {
  pid_t tid = c->k->tid;
  struct error ignored = {0};
  batch_clear(c->b);
  (void)CALL(c->b, SYS_ptrace, NUMBER(PTRACE_DETACH), NUMBER(tid), NUMBER(0), NUMBER(0));
  (void)executor_run(c->proxy, c->b, &ignored);
  if (tracing_seize(tid) < 0)
    return;
  (void)ptrace(PTRACE_SETREGS, tid, 0, &g->registers);
  (void)ptrace(PTRACE_SETSIGMASK, tid, sizeof g->mask, &g->mask);
  (void)ptrace(PTRACE_DETACH, tid, 0, 0);
}

// ---- the tracer's again ----

static void add_wait(struct tracing_calls *c) {
  (void)CALL(c->b, SYS_wait4, NUMBER(c->k->tid), NUMBER(0), NUMBER(__WALL));
}

// The stop that is to stay: one of which the tracer knows, or has yet to hear.
static void add_last_wait(struct tracing_calls *c) {
  if (c->k->is_told)
    add_wait(c);
  else
    (void)tracing_add_look(c, 0);
}

static void add_registers(struct tracing_calls *c, const struct registers *r) {
  (void)tracing_add(c, PTRACE_SETREGS, 0, POINTER(batch_data(c->b, r, sizeof *r)));
}

static void add_mask(struct tracing_calls *c, uint64_t mask) {
  (void)tracing_add(c, PTRACE_SETSIGMASK, sizeof mask, POINTER(batch_data(c->b, &mask, sizeof mask)));
}

static void add_request(struct tracing_calls *c, long request) { (void)tracing_add(c, request, 0, NUMBER(0)); }

static void add_seizing(struct tracing_calls *c) {
  if (c->k->is_seized) {
    (void)tracing_add(c, PTRACE_SEIZE, 0, NUMBER(c->k->options));
    add_request(c, PTRACE_INTERRUPT);
    add_wait(c);
    return;
  }
  add_request(c, PTRACE_ATTACH);
  add_wait(c);
  (void)tracing_add(c, PTRACE_SETOPTIONS, 0, NUMBER(c->k->options));
}

// ---- the stops ----

static void add_running(struct tracing_calls *c, const struct tracing_given *g) {
  add_registers(c, &g->registers);
  add_mask(c, g->mask);
  add_request(c, c->k->request);
}

// The call begins once more, which the tracer is not to hear of. No signal may come before.
static void add_in_call(struct tracing_calls *c, const struct tracing_given *g) {
  add_registers(c, &g->registers);
  add_request(c, PTRACE_SYSCALL);
  add_wait(c);
  add_mask(c, g->mask);
  add_request(c, PTRACE_SYSCALL);
}

static void add_harmless_call(struct tracing_calls *c) {
  static const uint64_t none[6];
  struct registers r = c->k->registers;
  arch_start_call(&r, c->instruction, SYS_gettid, none);
  add_registers(c, &r);
  add_request(c, PTRACE_SYSCALL);
}

static void add_at_call(struct tracing_calls *c, const struct tracing_given *g) {
  add_harmless_call(c);
  add_last_wait(c);
  add_registers(c, &c->k->registers);
  add_mask(c, g->mask);
}

// What the kernel does about a call that was cut it does when the thread leaves for a stop.
static void add_after_call(struct tracing_calls *c, const struct tracing_given *g) {
  struct registers r = c->k->registers;
  add_harmless_call(c);
  add_wait(c);
  arch_leave_call_out(&r);
  add_registers(c, &r);
  add_request(c, PTRACE_SYSCALL);
  add_last_wait(c);
  add_registers(c, &c->k->registers);
  add_mask(c, g->mask);
  if (arch_call_is_cut(&c->k->registers) && c->k->is_seized)
    add_request(c, PTRACE_INTERRUPT);
}

static void add_signal(struct tracing_calls *c, const struct tracing_given *g) {
  const struct tracing *k = c->k;
  add_registers(c, &k->registers);
  add_mask(c, all_signals & ~(1ULL << (k->info.si_signo - 1)));
  (void)CALL(c->b, SYS_tgkill, NUMBER(k->pid), NUMBER(k->tid), NUMBER(k->info.si_signo));
  add_request(c, PTRACE_CONT);
  add_last_wait(c);
  (void)tracing_add(c, PTRACE_SETSIGINFO, 0, POINTER(batch_data(c->b, &k->info, sizeof k->info)));
  add_mask(c, g->mask);
}

static void add_stopped(struct tracing_calls *c, const struct tracing_given *g) {
  add_registers(c, &g->registers);
  add_mask(c, g->mask);
  if (c->k->is_told)
    return;
  add_request(c, PTRACE_INTERRUPT);
  add_request(c, PTRACE_CONT);
  add_last_wait(c);
}

static void add_listening(struct tracing_calls *c, const struct tracing_given *g) {
  add_registers(c, &g->registers);
  add_mask(c, g->mask);
  add_request(c, PTRACE_LISTEN);
}

static void (*const add_stop[])(struct tracing_calls *c, const struct tracing_given *g) = {
    [TRACING_RUNS] = add_running,          [TRACING_IN_CALL] = add_in_call, [TRACING_AT_CALL] = add_at_call,
    [TRACING_AFTER_CALL] = add_after_call, [TRACING_SIGNAL] = add_signal,   [TRACING_STOPPED] = add_stopped,
    [TRACING_LISTENS] = add_listening,
};

// Behind what is in the batch already.
static int run_to_stop(struct tracing_calls *c, const struct tracing_given *g, struct error *e) {
  add_stop[c->k->stop](c, g);
  int r = tracing_run(c, e);
  for (unsigned i = 0; r == 0 && i < batch_count(c->b); i++)
    r = tracing_check(c, i, e);
  return r;
}

int tracing_stop_again(struct tracing_calls *c, const struct tracing_given *g, struct error *e) {
  batch_clear(c->b);
  add_mask(c, all_signals);
  return run_to_stop(c, g, e);
}

int tracing_give_back(struct executor *proxy, struct tracing *k, struct error *e) {
  struct tracing_calls c = {.proxy = proxy, .k = k};
  struct tracing_given g;
  if (tracing_open(&c, e) < 0)
    return -1;
  int r = put_to_sleep(&c, &g, e);
  if (r == 0) {
    batch_clear(c.b);
    add_seizing(&c);
    r = run_to_stop(&c, &g, e);
    if (r < 0)
      let_go_alone(&c, &g);
  }
  batch_free(c.b);
  return r;
}
