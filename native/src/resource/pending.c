// SPDX-License-Identifier: EPL-2.0
// Signals that wait in a process or in a thread, with all that came with them.
#include "resource/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/fault.h"
#include "base/memory.h"

enum { SET_SIZE = 8, AT_ONCE = 100 };

static uint64_t bit_of(int number) { return 1ULL << (number - 1); }

static bool is_held(int number) { return number > 0 && number <= 64 && number != SIGKILL && number != SIGSTOP; }

static void add(struct pending_signals *p, const siginfo_t *info) {
  if (!is_held(info->si_signo))
    return;
  p->item = must_realloc(p->item, p->count + 1, sizeof *p->item);
  p->item[p->count++] = *info;
}

// How many the kernel has given, from the `from`-th on; or -1.
static int64_t peek(struct executor *tracer, pid_t tid, bool shared, uint64_t from, struct pending_signals *ret,
                    struct error *e) {
  struct batch *b = batch_new();
  struct __ptrace_peeksiginfo_args args = {from, shared ? PTRACE_PEEKSIGINFO_SHARED : 0, AT_ONCE};
  size_t at = batch_data(b, &args, sizeof args), items = batch_data(b, NULL, AT_ONCE * sizeof(siginfo_t));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_PEEKSIGINFO), NUMBER(tid), POINTER(at), POINTER(items));
  int r = executor_run(tracer, b, e);
  int64_t count = r < 0 ? -1 : batch_result(b, 0);
  if (r == 0 && count < 0)
    r = error_set_errno(e, (int)count, "cannot read the pending signals of thread %d", tid);
  for (int64_t i = 0; r == 0 && i < count; i++) {
    siginfo_t info;
    memcpy(&info, (char *)batch_at(b, items) + (size_t)i * sizeof info, sizeof info);
    add(ret, &info);
  }
  batch_free(b);
  return r < 0 ? -1 : count;
}

// The kernel keeps the number alone when it has no room for the rest.
static void add_bare(struct pending_signals *p, uint64_t set) {
  for (int number = 1; number <= 64; number++)
    if (set & ~pending_set(p) & bit_of(number))
      add(p, &(siginfo_t){.si_signo = number});
}

int pending_read(struct executor *tracer, pid_t pid, pid_t tid, bool shared, uint64_t set, struct pending_signals *ret,
                 struct error *e) {
  *ret = (struct pending_signals){0};
  int r = fault(FAULT_capture_signals);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the pending signals of process %d", pid);
  int64_t count = set & ~(bit_of(SIGSTOP) | bit_of(SIGKILL)) ? AT_ONCE : 0;
  for (uint64_t from = 0; count == AT_ONCE; from += (uint64_t)count)
    count = peek(tracer, tid, shared, from, ret, e);
  if (count < 0)
    return -1;
  add_bare(ret, set);
  return 0;
}

void pending_done(struct pending_signals *p) {
  free(p->item);
  *p = (struct pending_signals){0};
}

uint64_t pending_set(const struct pending_signals *p) {
  uint64_t set = 0;
  for (size_t i = 0; i < p->count; i++)
    set |= bit_of(p->item[i].si_signo);
  return set;
}

// ---- putting back ----

// 1: there may be more; 0: there are none; -1.
static int discard_some(struct executor *x, unsigned calls, struct error *e) {
  static const uint64_t all = ~(uint64_t)0;
  struct batch *b = batch_new();
  size_t set = batch_data(b, &all, SET_SIZE), at_once = batch_data(b, NULL, sizeof(struct timespec));
  for (unsigned i = 0; i < calls; i++)
    (void)CALL(b, SYS_rt_sigtimedwait, POINTER(set), NUMBER(0), POINTER(at_once), NUMBER(SET_SIZE));
  int r = executor_run(x, b, e);
  int64_t last = r < 0 ? 0 : batch_result(b, calls - 1);
  batch_free(b);
  return r < 0 ? -1 : last > 0;
}

int pending_discard(struct executor *x, struct error *e) {
  int r = fault(FAULT_rewind_signals);
  if (r < 0)
    return error_set_errno(e, r, "cannot put the pending signals of process %d back", executor_pid(x));
  r = discard_some(x, 1, e);
  while (r > 0)
    r = discard_some(x, AT_ONCE, e);
  return r;
}

static int send_some(struct executor *x, pid_t tid, const siginfo_t *item, size_t count, struct error *e) {
  struct batch *b = batch_new();
  uint64_t pid = (uint64_t)executor_pid(x);
  for (size_t i = 0; i < count; i++) {
    size_t info = batch_data(b, &item[i], sizeof item[i]);
    if (tid)
      (void)CALL(b, SYS_rt_tgsigqueueinfo, NUMBER(pid), NUMBER(tid), NUMBER(item[i].si_signo), POINTER(info));
    else
      (void)CALL(b, SYS_rt_sigqueueinfo, NUMBER(pid), NUMBER(item[i].si_signo), POINTER(info));
  }
  int r = executor_run(x, b, e);
  for (unsigned i = 0; r == 0 && i < count; i++)
    if (batch_result(b, i) < 0)
      r = error_set_errno(e, (int)batch_result(b, i), "cannot let signal %d wait in process %d again", item[i].si_signo,
                          executor_pid(x));
  batch_free(b);
  return r;
}

int pending_put_back(struct executor *x, pid_t tid, const struct pending_signals *p, struct error *e) {
  int r = 0;
  for (size_t i = 0; r == 0 && i < p->count; i += AT_ONCE)
    r = send_some(x, tid, p->item + i, p->count - i < AT_ONCE ? p->count - i : AT_ONCE, e);
  return r;
}
