// SPDX-License-Identifier: EPL-2.0
// Holding all threads of a process, and letting them go.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "engine/landings.h"
#include "engine/patience.h"
#include "engine/state.h"
#include "proc/status.h"
#include "trace/journal.h"
#include "trace/wait.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

bool frozen_holds(const struct frozen *f, pid_t tid) {
  for (size_t i = 0; i < f->count; i++)
    if (f->tid[i] == tid)
      return true;
  return false;
}

static const struct tracings *spared;

void freeze_spare(const struct tracings *list) { spared = list; }

// A freeze under way: `rests` goes with the list of threads.
struct freezing {
  struct frozen *f;
  bool *rests;
  size_t capacity, rests_capacity;
  bool has_listed;
  bool lists_again;  // the list has changed since it was read, or has to be read in the first place
  struct error *e;
};

static int refuse_traced(struct freezing *z, pid_t tid) {
  return error_set(z->e, ERROR_REFUSED,
                   "thread %d of process %d is traced by another process: end its strace or debugger first", tid,
                   z->f->pid);
}

static int lose_patience(struct freezing *z, pid_t tid) {
  char name[32];
  process_name(z->f->pid, name, sizeof name);
  return error_set(z->e, ERROR_BUSY,
                   "thread %d of process %d (%s) has not come to rest within %d seconds, because it, or an exec in its "
                   "process, waits in the kernel: try again later",
                   tid, z->f->pid, name, PATIENCE_S);
}

// ---- seizing ----

static void add(struct freezing *z, pid_t tid) {
  struct frozen *f = z->f;
  array_reserve(z->rests, f->count, z->rests_capacity);
  array_reserve(f->tid, f->count, z->capacity);
  z->rests[f->count] = false;
  f->tid[f->count++] = tid;
}

// Why a thread may not be seized. One that execs takes the number of the main thread over, and stays traced; what had
// a number when we asked for it can be gone, and another one bear it.
// 1: it is held by us; 0: it has ended; 2: ask again; -1: error.
static int look_closer(struct freezing *z, pid_t tid, bool asks_again) {
  struct process_status s;
  if (status_read_thread(z->f->pid, tid, &s) < 0) {
    z->lists_again = true;
    return 0;
  }
  if (s.state == 'Z' || s.state == 'X')
    return 0;
  if (s.tracer == getpid())
    return 1;
  return !s.tracer && asks_again ? 2 : refuse_traced(z, tid);
}

// One that ends between the two requests is held all the same: its end is there to be waited for.
// 1: seized; 0: it has ended; -1: error.
static int seize(struct freezing *z, pid_t tid) {
  enum { TRIES = 3 };
  int held = 0;
  for (int i = 1; i <= TRIES; i++) {
    int r = patience_seize(tid);
    if (r == -ETIMEDOUT)
      return lose_patience(z, tid);
    if (r < 0 && r != -ESRCH && r != -EPERM)
      return error_set_errno(z->e, r, "cannot hold thread %d of process %d", tid, z->f->pid);
    held = r == 0 ? 1 : look_closer(z, tid, i < TRIES);
    if (held != 2)
      break;
  }
  if (held == 1)
    (void)ptrace(PTRACE_INTERRUPT, tid, 0, 0);
  return held;
}

static int seize_new(struct freezing *z) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count;
  z->lists_again = false;
  z->has_listed = true;
  if (thread_list(z->f->pid, &list, &count) < 0)
    return error_set(z->e, ERROR_NO_PROCESS, "process %d has ended", z->f->pid);
  for (size_t i = 0; i < count; i++) {
    int r = frozen_holds(z->f, list[i]) ? 0 : seize(z, list[i]);
    if (r < 0)
      return -1;
    if (r == 0)
      continue;
    add(z, list[i]);
    z->lists_again = true;
  }
  return 0;
}

// ---- coming to rest ----

// The thread stood in a call that the stop itself ended with EINTR: begin it again, unless a signal waits.
static void mend_interrupted_call(struct frozen *f, pid_t tid) {
  struct registers r;
  struct process_status s;
  if (ptrace(PTRACE_GETREGS, tid, 0, &r) < 0 || !arch_restart_interrupted(&r))
    return;
  if (status_read_thread(f->pid, tid, &s) < 0 || ((s.pending | s.shared_pending) & ~s.blocked))
    return;
  (void)ptrace(PTRACE_SETREGS, tid, 0, &r);
}

// Signals that come first are delivered on the way, and an exec ends. Any stop uses up the one that was asked for.
static int on_stop(struct freezing *z, size_t i, int status) {
  pid_t tid = z->f->tid[i];
  z->rests[i] = status >> 16 == PTRACE_EVENT_STOP;
  z->f->stopped = z->f->stopped || (z->rests[i] && WSTOPSIG(status) != SIGTRAP);
  if (z->rests[i]) {
    mend_interrupted_call(z->f, tid);
    return 0;
  }
  (void)ptrace(PTRACE_INTERRUPT, tid, 0, 0);
  (void)ptrace(PTRACE_CONT, tid, 0, status >> 16 ? 0 : WSTOPSIG(status));
  return 0;
}

// A main thread whose end does not show while others are there; or another one has its number now.
static bool is_gone(const struct freezing *z, pid_t tid) {
  struct process_status s;
  return status_read_thread(z->f->pid, tid, &s) < 0 || s.state == 'Z' || s.state == 'X' || s.tracer != getpid();
}

static void forget(struct freezing *z, size_t i) {
  struct frozen *f = z->f;
  f->tid[i] = f->tid[--f->count];
  z->rests[i] = z->rests[f->count];
  z->lists_again = true;
}

// Takes what there is to tell of a thread, which can end also when it has come to rest: by an exec of another one.
// Its end is taken too, for its number stays busy until then; that of the process is left to whoever reaps it.
// 1: something was told; 0: nothing; -1: error.
static int look_at(struct freezing *z, size_t i) {
  pid_t tid = z->f->tid[i];
  int status;
  switch (thread_report(tid, &status)) {
  case REPORT_STOP:
    return on_stop(z, i, status) < 0 ? -1 : 1;
  case REPORT_END:
    if (tid != z->f->pid)
      (void)thread_take_end(tid, &status);
    break;
  case REPORT_NOTHING:
    if (z->rests[i] || tid != z->f->pid || !is_gone(z, tid))
      return 0;
    break;
  case REPORT_STRANGER:
    break;
  }
  forget(z, i);
  return 1;
}

static int look_at_all(struct freezing *z) {
  int result = 0;
  for (size_t i = z->f->count; i-- > 0;)
    if (look_at(z, i) < 0)
      result = -1;
  return result;
}

static size_t index_of(const struct frozen *f, pid_t tid) {
  size_t i = 0;
  while (i < f->count && f->tid[i] != tid)
    i++;
  return i;
}

// What others wait for can be there all the time.
static int await_report(struct freezing *z) {
  size_t i = index_of(z->f, wait_for_report(z->f->count == 1 ? z->f->tid[0] : 0));
  int r = i < z->f->count ? look_at(z, i) : 0;
  if (r != 0)
    return r;
  (void)nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
  return look_at_all(z);
}

static pid_t find_restless(const struct freezing *z) {
  for (size_t i = 0; i < z->f->count; i++)
    if (!z->rests[i])
      return z->f->tid[i];
  return 0;
}

// Also what is only to be let go again has to come to its stop first: a running thread cannot be.
static int await_all(struct freezing *z) {
  int result = look_at_all(z);
  for (pid_t tid; (tid = find_restless(z));) {
    if (patience_is_over())
      return lose_patience(z, tid);
    if (await_report(z) < 0)
      result = -1;
  }
  return result;
}

// Whether the main thread is still the one that came to rest: an exec of another thread ends it without a word, and
// gives its number to the other one. First the state is read: what stopped later has something to tell.
static int check_main_thread(struct freezing *z) {
  struct process_status s;
  size_t i = index_of(z->f, z->f->pid);
  if (i == z->f->count) {
    z->lists_again = !z->has_listed;
    return 0;
  }
  bool is_held = status_read_thread(z->f->pid, z->f->pid, &s) == 0 && s.state == 't' && s.tracer == getpid();
  bool has_others = !z->has_listed && s.threads != 1;
  if (is_held)
    z->f->status = s;
  z->rests[i] = z->rests[i] && is_held;
  int r = look_at(z, i);
  z->lists_again = z->lists_again || r > 0 || !is_held || has_others;
  return r;
}

static int hold_main_thread(struct freezing *z) {
  int r = seize(z, z->f->pid);
  if (r <= 0)
    return r;
  add(z, z->f->pid);
  return await_all(z);
}

// Threads that still run may make others. None is found, too, where one takes the number of the main thread over.
// Most processes have the main thread only: no list is needed for those.
static int hold_all(struct freezing *z) {
  if (hold_main_thread(z) < 0 || check_main_thread(z) < 0)
    return -1;
  while (z->lists_again) {
    int r = seize_new(z);
    if (await_all(z) < 0 || r < 0 || (!z->lists_again && check_main_thread(z) < 0))
      return -1;
    z->lists_again = z->lists_again || (!z->f->count && !process_is_zombie(z->f->pid));
    if (z->lists_again && patience_is_over())
      return lose_patience(z, z->f->pid);
  }
  return 0;
}

static int main_thread_first(struct frozen *f, struct error *e) {
  for (size_t i = 0; i < f->count; i++)
    if (f->tid[i] == f->pid) {
      f->tid[i] = f->tid[0];
      f->tid[0] = f->pid;
      return 0;
    }
  if (f->count)
    return error_set(e, ERROR_REFUSED,
                     "the main thread of process %d has ended while others run on, which snapshots cannot hold yet: "
                     "take the snapshot "
                     "before it ends",
                     f->pid);
  return error_set(e, ERROR_NO_PROCESS, "process %d has ended", f->pid);
}

// By job control, before it is held.
static bool stands_still(pid_t pid) {
  struct process_status s;
  return status_read(pid, &s) == 0 && s.state == 'T';
}

static int freeze_by(int (*hold)(struct freezing *), struct frozen *ret, struct error *e) {
  struct freezing z = {.f = ret, .e = e};
  patience_begin(ret);
  if (journal_is_kept())
    journal_hold_process(ret->pid, stands_still(ret->pid));
  int r = hold(&z);
  patience_end();
  free(z.rests);
  if (r == 0 && main_thread_first(ret, e) == 0) {
    if (journal_is_kept())
      landings_find(ret->pid);
    return 0;
  }
  thaw(ret);
  return -1;
}

static struct frozen nothing_held(pid_t pid) {
  return (struct frozen){.tracer = executor_self(), .pid = pid, .since_us = now_us()};
}

int freeze(pid_t pid, struct frozen *ret, struct error *e) {
  *ret = nothing_held(pid);
  int r = fault(FAULT_freeze);
  if (r < 0)
    return error_set_errno(e, r, "cannot hold the threads of process %d", pid);
  return freeze_by(hold_all, ret, e);
}

int freeze_main_thread(pid_t pid, struct frozen *ret, struct error *e) {
  *ret = nothing_held(pid);
  return freeze_by(hold_main_thread, ret, e);
}

// A thread that is not at rest, because patience was over, stays traced: it is let go at its next stop.
void thaw(struct frozen *f) {
  for (size_t i = 0; i < f->count; i++)
    if (!spared || !tracings_have(spared, f->tid[i]))
      (void)ptrace(PTRACE_DETACH, f->tid[i], 0, 0);  // fails for one that was killed meanwhile
  journal_let_process_go(f->pid);
  free(f->tid);
  f->tid = NULL;
  f->count = 0;
}

bool engine_let_go(pid_t tid, int status) {
  return ptrace(PTRACE_DETACH, tid, 0, status >> 16 ? 0 : WSTOPSIG(status)) == 0;
}
