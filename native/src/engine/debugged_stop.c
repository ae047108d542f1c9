// SPDX-License-Identifier: EPL-2.0
// Stopping a program that runs under a debugger, unnoticed by that, and letting it go on.
#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/debugged_state.h"
#include "engine/stepping.h"
#include "kernel/auxv.h"
#include "proc/status.h"

static uint64_t signal_bit(int number) { return 1ULL << (number - 1); }

struct look {
  size_t info;
  unsigned index;
};

static struct look add_look(struct batch *b, pid_t tid, int flags) {
  struct look l = {.info = batch_data(b, NULL, sizeof(siginfo_t))};
  l.index = CALL(b, SYS_waitid, NUMBER(P_PID), NUMBER(tid), POINTER(l.info),
                 NUMBER(WSTOPPED | WEXITED | WNOWAIT | __WALL | flags), NUMBER(0));
  return l;
}

// The signal of a stop that the debugger has not fetched yet; 0: none; -1: it has ended.
static int seen(struct batch *b, struct look l) {
  siginfo_t info;
  memcpy(&info, batch_at(b, l.info), sizeof info);
  if (batch_result(b, l.index) < 0 || info.si_pid == 0)
    return 0;
  return info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED ? info.si_status : -1;
}

static int refuse_event(struct error *e) {
  return error_set(e, ERROR_BUSY, "the program has just stopped by itself and gdb has not seen it yet: try again");
}

// A thread in ptrace-stop may be one that the debugger has stopped, or one whose event it has yet to fetch.
static int refuse_events_of(struct debugged *d, const struct frozen *f, struct error *e) {
  struct batch *b = batch_new();
  struct look *looks = must_alloc(f->count * sizeof *looks);
  bool waits = false;
  int r = 0;
  for (size_t i = 0, n; r == 0 && i < f->count; i += n) {
    batch_clear(b);
    for (n = 0; i + n < f->count && batch_has_room(b, 1, sizeof(siginfo_t)); n++)
      looks[n] = add_look(b, f->tid[i + n], WNOHANG);
    r = executor_run(d->proxy, b, e);
    for (size_t k = 0; r == 0 && k < n; k++)
      waits = waits || seen(b, looks[k]);
  }
  free(looks);
  batch_free(b);
  return r < 0 ? -1 : waits ? refuse_event(e) : 0;
}

static int refuse_waiting_events(struct debugged *d, struct error *e) {
  int r = 0;
  for (size_t i = 0; r == 0 && i < d->count; i++)
    r = refuse_events_of(d, &d->inferior[i].frozen, e);
  return r;
}

// Takes the stop that we asked for, and mends a call that it has cut for good.
static int take_stop(struct debugged *d, pid_t pid, struct stopped *stopped, struct error *e) {
  pid_t tid = stopped->tid;
  struct registers r;
  struct batch *b = batch_new();
  size_t status = batch_data(b, NULL, sizeof(int)), at = batch_data(b, NULL, sizeof r);
  (void)CALL(b, SYS_wait4, NUMBER(tid), POINTER(status), NUMBER(__WALL));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_GETREGS), NUMBER(tid), NUMBER(0), POINTER(at));
  int result = executor_run(d->proxy, b, e);
  memcpy(&r, batch_at(b, at), sizeof r);
  stopped->request = stepping_is_beside(auxv_value(pid, AT_ENTRY), &r) ? PTRACE_SINGLESTEP : PTRACE_CONT;
  struct process_status s;
  if (result == 0 && arch_restart_interrupted(&r) && status_read_thread(pid, tid, &s) == 0 &&
      !((s.pending | s.shared_pending) & ~s.blocked)) {
    batch_clear(b);
    at = batch_data(b, &r, sizeof r);
    (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETREGS), NUMBER(tid), NUMBER(0), POINTER(at));
    result = executor_run(d->proxy, b, e);
  }
  batch_free(b);
  return result;
}

// The thread had an event of its own when our SIGSTOP came: drop the SIGSTOP and raise the event again.
static int give_event_back(struct debugged *d, pid_t pid, pid_t tid, int signal, struct error *e) {
  static const uint64_t all = ~(uint64_t)0;
  struct batch *b = batch_new();
  siginfo_t info;
  uint64_t mask;
  size_t status = batch_data(b, NULL, sizeof(int)), at = batch_data(b, NULL, sizeof info);
  size_t old = batch_data(b, NULL, 8), blocked = batch_data(b, &all, 8);
  (void)CALL(b, SYS_wait4, NUMBER(tid), POINTER(status), NUMBER(__WALL));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_GETSIGINFO), NUMBER(tid), NUMBER(0), POINTER(at));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_GETSIGMASK), NUMBER(tid), NUMBER(8), POINTER(old));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETSIGMASK), NUMBER(tid), NUMBER(8), POINTER(blocked));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_CONT), NUMBER(tid), NUMBER(0), NUMBER(0));
  (void)CALL(b, SYS_wait4, NUMBER(tid), POINTER(status), NUMBER(__WALL));
  int r = executor_run(d->proxy, b, e);
  memcpy(&info, batch_at(b, at), sizeof info);
  memcpy(&mask, batch_at(b, old), sizeof mask);
  batch_clear(b);
  uint64_t open = all & ~signal_bit(signal);
  at = batch_data(b, &info, sizeof info);
  old = batch_data(b, &mask, 8);
  blocked = batch_data(b, &open, 8);
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETSIGMASK), NUMBER(tid), NUMBER(8), POINTER(blocked));
  (void)CALL(b, SYS_tgkill, NUMBER(pid), NUMBER(tid), NUMBER(signal));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_CONT), NUMBER(tid), NUMBER(0), NUMBER(0));
  (void)add_look(b, tid, 0);
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETSIGINFO), NUMBER(tid), NUMBER(0), POINTER(at));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETSIGMASK), NUMBER(tid), NUMBER(8), POINTER(old));
  if (r == 0)
    r = executor_run(d->proxy, b, e);
  batch_free(b);
  return r;
}

static int stop_thread(struct debugged *d, pid_t pid, pid_t tid, struct error *e) {
  struct batch *b = batch_new();
  (void)CALL(b, SYS_tgkill, NUMBER(pid), NUMBER(tid), NUMBER(SIGSTOP));
  struct look l = add_look(b, tid, 0);
  int r = executor_run(d->proxy, b, e);
  int event = r == 0 ? seen(b, l) : 0;
  batch_free(b);
  if (r < 0)
    return -1;
  if (event == SIGSTOP) {
    struct stopped *stopped = &d->stopped[d->stopped_count++];
    stopped->tid = tid;
    return take_stop(d, pid, stopped, e) < 0 ? -1 : stopped->request == PTRACE_SINGLESTEP ? refuse_event(e) : 0;
  }
  if (event > 0 && event < 65 && give_event_back(d, pid, tid, event, e) < 0)
    return -1;
  return refuse_event(e);
}

bool is_thread_stopped(pid_t pid, pid_t tid) {
  struct process_status s;
  return status_read_thread(pid, tid, &s) == 0 && s.state == 't';
}

// ---- threads that are about to step ----

struct ready {
  pid_t pid, tid;
  uint64_t run_time;
};

static size_t thread_count(const struct debugged *d) {
  size_t count = 0;
  for (size_t i = 0; i < d->count; i++)
    count += d->inferior[i].frozen.count;
  return count;
}

static size_t list_ready(const struct debugged *d, struct ready *list) {
  size_t count = 0;
  for (size_t i = 0; i < d->count; i++)
    for (size_t k = 0; k < d->inferior[i].frozen.count; k++) {
      struct ready r = {.pid = d->inferior[i].frozen.pid, .tid = d->inferior[i].frozen.tid[k]};
      r.run_time = stepping_run_time(r.pid, r.tid);
      if (r.run_time != UINT64_MAX)
        list[count++] = r;
    }
  return count;
}

// A thread that the debugger lets make a single step is not to be stopped before it: nobody could tell, and it would go
// on without stepping. So each one that is ready to run is given the time to; a step ends in an event.
static int let_steps_end(struct debugged *d, struct error *e) {
  enum { TRIES = 200, PAUSE_NS = 200000 };
  _cleanup_free_ struct ready *list = must_alloc((thread_count(d) + 1) * sizeof *list);
  const size_t count = list_ready(d, list);
  for (int try = 0; try < TRIES; try++) {
    bool waiting = false;
    for (size_t i = 0; i < count && !waiting; i++)
      waiting = stepping_run_time(list[i].pid, list[i].tid) <= list[i].run_time;
    if (!waiting)
      return refuse_waiting_events(d, e);
    (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  }
  return error_set(e, ERROR_BUSY, "the machine is too busy for the program to run at all: try again");
}

// ---- all of them ----

static int stop_threads(struct debugged *d, const struct frozen *f, struct error *e) {
  for (size_t i = 0; i < f->count; i++)
    if (!is_thread_stopped(f->pid, f->tid[i]) && stop_thread(d, f->pid, f->tid[i], e) < 0)
      return -1;
  // A thread may have made another one, or have had an event of its own, before all stood.
  _cleanup_free_ pid_t *list = NULL;
  size_t count = 0;
  if (thread_list(f->pid, &list, &count) < 0 || count != f->count)
    return error_set(e, ERROR_BUSY, "the program is starting or ending a thread: try again");
  return 0;
}

static int stop_all(struct debugged *d, struct error *e) {
  for (size_t i = 0; i < d->count; i++)
    if (stop_threads(d, &d->inferior[i].frozen, e) < 0)
      return -1;
  return refuse_waiting_events(d, e);
}

int debugged_stop(struct debugged *d, struct error *e) {
  if (refuse_waiting_events(d, e) < 0 || let_steps_end(d, e) < 0)
    return -1;
  d->stopped = must_alloc((thread_count(d) + 1) * sizeof *d->stopped);
  if (stop_all(d, e) == 0)
    return 0;
  struct error ignored = {0};
  (void)debugged_continue(d, &ignored);
  return -1;
}

int debugged_continue(struct debugged *d, struct error *e) {
  struct batch *b = batch_new();
  int r = 0;
  for (size_t i = 0; r == 0 && i < d->stopped_count; i++) {
    batch_clear(b);
    (void)CALL(b, SYS_ptrace, NUMBER(d->stopped[i].request), NUMBER(d->stopped[i].tid), NUMBER(0), NUMBER(0));
    r = executor_run(d->proxy, b, e);
  }
  batch_free(b);
  d->stopped_count = 0;
  return r;
}
