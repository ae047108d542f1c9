// SPDX-License-Identifier: EPL-2.0
// Live snapshots of a program that a debugger traces.
#include "engine/debugged.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/affinity.h"
#include "engine/connections.h"
#include "engine/files.h"
#include "engine/host.h"
#include "engine/pad.h"
#include "engine/stepping.h"
#include "engine/tree.h"
#include "kernel/auxv.h"
#include "proc/status.h"
#include "trace/wait.h"

struct stopped {
  pid_t tid;
  long request;  // that lets it go on as the debugger had let it go
};

struct debugged {
  struct engine *engine;
  pid_t debugger;
  struct frozen self;       // the debugger's main thread, held by us
  struct executor *proxy;   // in that thread
  struct frozen inferior;   // its threads, with the proxy as tracer
  struct stopped *stopped;  // by us
  size_t stopped_count;
  uint64_t entry;  // of the program
  struct affinity affinity;
};

static uint64_t signal_bit(int number) { return 1ULL << (number - 1); }

// ---- opening and closing ----

static int list_threads(struct debugged *d, pid_t inferior, struct error *e) {
  struct frozen *f = &d->inferior;
  *f = (struct frozen){.tracer = d->proxy, .pid = inferior, .since_us = d->self.since_us};
  int r = thread_list(inferior, &f->tid, &f->count);
  size_t kept = 0;
  for (size_t i = 0; r == 0 && i < f->count; i++) {
    struct process_status s;
    if (status_read_thread(inferior, f->tid[i], &s) == 0 && s.state != 'Z' && s.state != 'X')
      f->tid[kept++] = f->tid[i];
  }
  f->count = kept;
  for (size_t i = 0; r == 0 && i < f->count; i++)
    if (f->tid[i] == inferior) {
      f->tid[i] = f->tid[0];
      f->tid[0] = inferior;
    }
  if (r < 0 || !f->count || f->tid[0] != inferior)
    return error_set(e, ERROR_NO_PROCESS, "the program (process %d) has ended", inferior);
  return 0;
}

static int refuse_stopped(const struct frozen *self, struct error *e) {
  if (!self->stopped)
    return 0;
  return error_set(e, ERROR_REFUSED,
                   "gdb (process %d) is stopped (job control): continue it first, with fg or kill -CONT", self->pid);
}

int debugged_open(struct engine *g, pid_t debugger, pid_t inferior, struct debugged **ret, struct error *e) {
  struct debugged *d = must_alloc(sizeof *d);
  *d = (struct debugged){.engine = g, .debugger = debugger};
  g->debugger = debugger;
  g->inferior = inferior;
  affinity_join(&d->affinity, inferior);
  wait_guard(debugger, inferior);
  if (freeze_main_thread(debugger, &d->self, e) == 0 && refuse_stopped(&d->self, e) == 0 &&
      executor_open(executor_self(), debugger, debugger, NULL, &d->proxy, e) == 0 &&
      list_threads(d, inferior, e) == 0) {
    *ret = d;
    return 0;
  }
  debugged_close(d);
  return -1;
}

// A SIGCHLD of our own stops is left to the debugger: it looks, finds nothing, and goes on. To swallow it could
// swallow one that tells of a real event.
void debugged_close(struct debugged *d) {
  struct error ignored = {0};
  wait_guard(0, 0);
  if (d->proxy)
    (void)executor_close(d->proxy, &ignored);
  thaw(&d->self);
  affinity_leave(&d->affinity);
  free(d->inferior.tid);
  free(d->stopped);
  free(d);
}

// ---- a program that runs ----

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
static int refuse_waiting_events(struct debugged *d, struct error *e) {
  struct batch *b = batch_new();
  struct look *looks = must_alloc(d->inferior.count * sizeof *looks);
  bool waits = false;
  int r = 0;
  for (size_t i = 0, n; r == 0 && i < d->inferior.count; i += n) {
    batch_clear(b);
    for (n = 0; i + n < d->inferior.count && batch_has_room(b, 1, sizeof(siginfo_t)); n++)
      looks[n] = add_look(b, d->inferior.tid[i + n], WNOHANG);
    r = executor_run(d->proxy, b, e);
    for (size_t k = 0; r == 0 && k < n; k++)
      waits = waits || seen(b, looks[k]);
  }
  free(looks);
  batch_free(b);
  return r < 0 ? -1 : waits ? refuse_event(e) : 0;
}

// Takes the stop that we asked for, and mends a call that it has cut for good.
static int take_stop(struct debugged *d, struct stopped *stopped, struct error *e) {
  pid_t tid = stopped->tid;
  struct registers r;
  struct batch *b = batch_new();
  size_t status = batch_data(b, NULL, sizeof(int)), at = batch_data(b, NULL, sizeof r);
  (void)CALL(b, SYS_wait4, NUMBER(tid), POINTER(status), NUMBER(__WALL));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_GETREGS), NUMBER(tid), NUMBER(0), POINTER(at));
  int result = executor_run(d->proxy, b, e);
  memcpy(&r, batch_at(b, at), sizeof r);
  stopped->request = stepping_is_beside(d->entry, &r) ? PTRACE_SINGLESTEP : PTRACE_CONT;
  struct process_status s;
  if (result == 0 && arch_restart_interrupted(&r) && status_read_thread(d->inferior.pid, tid, &s) == 0 &&
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
static int give_event_back(struct debugged *d, pid_t tid, int signal, struct error *e) {
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
  (void)CALL(b, SYS_tgkill, NUMBER(d->inferior.pid), NUMBER(tid), NUMBER(signal));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_CONT), NUMBER(tid), NUMBER(0), NUMBER(0));
  (void)add_look(b, tid, 0);
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETSIGINFO), NUMBER(tid), NUMBER(0), POINTER(at));
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETSIGMASK), NUMBER(tid), NUMBER(8), POINTER(old));
  if (r == 0)
    r = executor_run(d->proxy, b, e);
  batch_free(b);
  return r;
}

static int stop_thread(struct debugged *d, pid_t tid, struct error *e) {
  struct batch *b = batch_new();
  (void)CALL(b, SYS_tgkill, NUMBER(d->inferior.pid), NUMBER(tid), NUMBER(SIGSTOP));
  struct look l = add_look(b, tid, 0);
  int r = executor_run(d->proxy, b, e);
  int event = r == 0 ? seen(b, l) : 0;
  batch_free(b);
  if (r < 0)
    return -1;
  if (event == SIGSTOP) {
    struct stopped *stopped = &d->stopped[d->stopped_count++];
    stopped->tid = tid;
    return take_stop(d, stopped, e) < 0 ? -1 : stopped->request == PTRACE_SINGLESTEP ? refuse_event(e) : 0;
  }
  if (event > 0 && event < 65 && give_event_back(d, tid, event, e) < 0)
    return -1;
  return refuse_event(e);
}

static bool is_stopped(const struct debugged *d, pid_t tid) {
  struct process_status s;
  return status_read_thread(d->inferior.pid, tid, &s) == 0 && s.state == 't';
}

// A thread that the debugger lets make a single step is not to be stopped before it: nobody could tell, and it would go
// on without stepping. So each one that is ready to run is given the time to; a step ends in an event.
static int let_steps_end(struct debugged *d, struct error *e) {
  enum { TRIES = 200, PAUSE_NS = 200000 };
  _cleanup_free_ uint64_t *before = must_alloc((d->inferior.count + 1) * sizeof *before);
  for (size_t i = 0; i < d->inferior.count; i++)
    before[i] = stepping_run_time(d->inferior.pid, d->inferior.tid[i]);
  for (int try = 0; try < TRIES; try++) {
    bool waiting = false;
    for (size_t i = 0; i < d->inferior.count && !waiting; i++)
      waiting = before[i] != UINT64_MAX && stepping_run_time(d->inferior.pid, d->inferior.tid[i]) <= before[i];
    if (!waiting)
      return refuse_waiting_events(d, e);
    (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  }
  return error_set(e, ERROR_BUSY, "the machine is too busy for the program to run at all: try again");
}

static int stop_all(struct debugged *d, struct error *e) {
  for (size_t i = 0; i < d->inferior.count; i++)
    if (!is_stopped(d, d->inferior.tid[i]) && stop_thread(d, d->inferior.tid[i], e) < 0)
      return -1;
  // A thread may have made another one, or have had an event of its own, before all stood.
  _cleanup_free_ pid_t *list = NULL;
  size_t count = 0;
  if (thread_list(d->inferior.pid, &list, &count) < 0 || count != d->inferior.count)
    return error_set(e, ERROR_BUSY, "the program is starting or ending a thread: try again");
  return refuse_waiting_events(d, e);
}

int debugged_stop(struct debugged *d, struct error *e) {
  if (refuse_waiting_events(d, e) < 0 || let_steps_end(d, e) < 0)
    return -1;
  d->stopped = must_alloc((d->inferior.count + 1) * sizeof *d->stopped);
  d->entry = auxv_value(d->inferior.pid, AT_ENTRY);
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

static int require_stopped(const struct debugged *d, struct error *e) {
  for (size_t i = 0; i < d->inferior.count; i++)
    if (!is_stopped(d, d->inferior.tid[i]))
      return error_set(e, ERROR_BUSY, "thread %d of the program runs: interrupt it first", d->inferior.tid[i]);
  return 0;
}

// ---- capture ----

int debugged_capture(struct debugged *d, struct snapshot **ret, struct error *e) {
  return require_stopped(d, e) < 0 ? -1 : capture_around(d->engine, &d->inferior, ret, e);
}

// ---- rewind ----

int debugged_rewind(struct debugged *d, struct snapshot *whole, pid_t reporter, struct rewind_report *report,
                    unsigned *ret_steps, struct error *e) {
  struct process_state *s = whole->process[0];
  struct executor *main;
  uint64_t since = now_us();
  *report = (struct rewind_report){0};
  if (require_stopped(d, e) < 0)
    return -1;
  if (has_other_executable(s) || attributes_are_lost(s))
    return s->engine->on_host ? host_refuse_process(s, e) : -2;
  int r = tree_rewind_around(d->engine, whole, &d->inferior, report, &main, e);
  if (r < 0)
    return r;
  if (pad_open(&d->inferior, s, main, reporter, e) < 0) {
    executor_forget(main);
    return -2;
  }
  r = executor_close(main, e) < 0 || pad_aim(&d->inferior, s, ret_steps, e) < 0 ? -2 : 0;
  report->duration_us = now_us() - since;
  return r;
}

int debugged_settle(struct debugged *d, struct snapshot *whole, struct rewind_report *report, unsigned *ret_steps,
                    struct error *e) {
  struct process_state *s = whole->process[0];
  uint64_t since = now_us();
  if (require_stopped(d, e) < 0)
    return -1;
  int more = pad_next(&d->inferior, s, report, e);
  if (more < 0)
    return -1;
  if (more)
    return pad_aim(&d->inferior, s, ret_steps, e) < 0 ? -1 : 1;
  struct executor *main;
  if (executor_open(d->proxy, s->pid, s->pid, NULL, &main, e) < 0)
    return -1;
  int r = pad_close(&d->inferior, s, main, e);
  if (executor_close(main, e) < 0 || r < 0)
    return -1;
  r = set_threads(&d->inferior, s, e);
  engine_tell_shortfalls(d->engine, report);
  report->duration_us += now_us() - since;
  return r;
}

static int set_debug_registers(struct debugged *d, const struct thread_state *t, struct error *e) {
  struct batch *b = batch_new();
  const int last = ARCH_DEBUG_REGISTERS - 1;
  size_t info = batch_data(b, &t->info, sizeof t->info);
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_POKEUSER), NUMBER(t->tid), NUMBER(arch_debug_offset[last]), NUMBER(0));
  for (int i = 0; i <= last; i++)
    (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_POKEUSER), NUMBER(t->tid), NUMBER(arch_debug_offset[i]),
               NUMBER(t->debug[i]));
  if (t->has_info)
    (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETSIGINFO), NUMBER(t->tid), NUMBER(0), POINTER(info));
  int r = executor_run(d->proxy, b, e);
  batch_free(b);
  return r;
}

// A view of what is gone would be taken for one of what comes in its place.
static int put_objects_back(struct debugged *d, struct process_state *s, struct error *e) {
  struct executor *main;
  if (!d->engine->system_v_back)
    return 0;
  if (executor_open(d->proxy, d->inferior.pid, d->inferior.pid, NULL, &main, e) < 0)
    return -1;
  int r = objects_detach(s, main, e);
  return executor_close(main, e) < 0 || r < 0 ? -1 : objects_put_back(d->engine, e);
}

int debugged_rewind_untold(struct debugged *d, struct snapshot *whole, struct rewind_report *report, struct error *e) {
  struct process_state *s = whole->process[0];
  uint64_t since = now_us();
  *report = (struct rewind_report){0};
  d->inferior.untold = true;
  if (require_stopped(d, e) < 0)
    return -1;
  int r = objects_plan(whole, e) < 0 || files_prepare(whole, e) < 0 || connections_prepare(whole, &s->pid, 1, e) < 0 ||
                  put_objects_back(d, s, e) < 0
              ? -1
              : rewind_held(&d->inferior, s, report, e);
  if (r == 0 && connections_put_back(whole, e) < 0)
    r = -2;
  connections_rewound(whole, report);
  files_rewound(whole, report);
  for (size_t i = 0; r == 0 && i < s->threads; i++)
    r = set_debug_registers(d, &s->thread[i], e);
  if (r == 0)
    r = objects_finish(d->engine, e);
  objects_let_go(d->engine);
  engine_tell_shortfalls(d->engine, report);
  report->duration_us = now_us() - since;
  return r;
}
