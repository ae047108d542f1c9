// SPDX-License-Identifier: EPL-2.0
// The state of threads: reading it, putting it back, making and ending threads.
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/affinity.h"
#include "engine/inside.h"
#include "engine/state.h"
#include "proc/memory.h"
#include "proc/status.h"
#include "trace/arch/narrow.h"
#include "trace/wait.h"

enum { EXTENDED_ROOM = ARCH_EXTENDED_MAX, NUMBER_TRIES = 2000, END_TRIES = 20000, ROBUST_SIZE = 24 };

static unsigned add_ptrace(struct batch *b, long request, pid_t tid, uint64_t address, struct arg data) {
  return CALL(b, SYS_ptrace, NUMBER(request), NUMBER(tid), NUMBER(address), data);
}

// ---- reading ----

struct reading {
  size_t registers, mask, info, rseq, debug[ARCH_DEBUG_REGISTERS], segment[ARCH_SEGMENTS], vector, extended;
  unsigned first, info_index, rseq_index, extended_index, last;
};

static void add_reading(struct batch *b, pid_t tid, struct reading *r) {
  r->registers = batch_data(b, NULL, sizeof(struct registers));
  r->first = add_ptrace(b, PTRACE_GETREGS, tid, 0, POINTER(r->registers));
  r->mask = batch_data(b, NULL, 8);
  (void)add_ptrace(b, PTRACE_GETSIGMASK, tid, 8, POINTER(r->mask));
  for (int i = 0; i < ARCH_DEBUG_REGISTERS; i++) {
    r->debug[i] = batch_data(b, NULL, 8);
    (void)add_ptrace(b, PTRACE_PEEKUSER, tid, arch_debug_offset[i], POINTER(r->debug[i]));
  }
  r->extended = batch_data(b, NULL, EXTENDED_ROOM);
  struct iovec v = {.iov_len = EXTENDED_ROOM};
  r->vector = batch_data(b, &v, sizeof v);
  batch_pointer(b, r->vector, r->extended);
  r->extended_index = add_ptrace(b, PTRACE_GETREGSET, tid, ARCH_EXTENDED_NOTE, POINTER(r->vector));
  r->last = r->extended_index;
  for (unsigned i = 0; i < ARCH_SEGMENTS; i++) {
    r->segment[i] = batch_data(b, NULL, ARCH_SEGMENT);
    (void)add_ptrace(b, ARCH_GET_SEGMENT, tid, ARCH_SEGMENT_FIRST + i, POINTER(r->segment[i]));
  }
  r->info = batch_data(b, NULL, sizeof(siginfo_t));
  r->info_index = add_ptrace(b, PTRACE_GETSIGINFO, tid, 0, POINTER(r->info));
  r->rseq = batch_data(b, NULL, sizeof(struct rseq_configuration));
  r->rseq_index = add_ptrace(b, KERNEL_PTRACE_GET_RSEQ, tid, sizeof(struct rseq_configuration), POINTER(r->rseq));
}

static int take_reading(struct batch *b, const struct reading *r, struct thread_state *t, struct error *e) {
  for (unsigned i = r->first; i <= r->last; i++)
    if (batch_result(b, i) < 0)
      return error_set_errno(e, (int)batch_result(b, i), "cannot read the registers of thread %d", t->tid);
  memcpy(&t->registers, batch_at(b, r->registers), sizeof t->registers);
  memcpy(&t->mask, batch_at(b, r->mask), 8);
  for (int i = 0; i < ARCH_DEBUG_REGISTERS; i++)
    memcpy(&t->debug[i], batch_at(b, r->debug[i]), 8);
  for (unsigned i = 0; i < ARCH_SEGMENTS; i++)
    memcpy(t->segment[i], batch_at(b, r->segment[i]), ARCH_SEGMENT);
  struct iovec v;
  memcpy(&v, batch_at(b, r->vector), sizeof v);
  t->extended_size = v.iov_len < EXTENDED_ROOM ? v.iov_len : EXTENDED_ROOM;
  t->extended = must_alloc(t->extended_size);
  memcpy(t->extended, batch_at(b, r->extended), t->extended_size);
  t->has_info = batch_result(b, r->info_index) >= 0;
  memcpy(&t->info, batch_at(b, r->info), sizeof t->info);
  if (batch_result(b, r->rseq_index) >= 0)
    memcpy(&t->rseq, batch_at(b, r->rseq), sizeof t->rseq);
  return 0;
}

void thread_read_name(pid_t pid, pid_t tid, struct thread_state *t) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/task/%d/comm", pid, tid);
  _cleanup_free_ char *text = NULL;
  if (file_read_record(path, 64, &text) == 0)
    (void)snprintf(t->name, sizeof t->name, "%.*s", (int)strcspn(text, "\n"), text);
}

static int read_outside(struct frozen *f, struct process_state *s, struct error *e) {
  enum { CALLS = 11 + ARCH_SEGMENTS, BYTES = EXTENDED_ROOM + 2048 };
  struct batch *b = batch_new();
  int r = 0;
  for (size_t i = 0, n; r == 0 && i < s->threads; i += n) {
    struct reading reading[BATCH_MEMORY / BYTES + 1];
    batch_clear(b);
    for (n = 0; i + n < s->threads && batch_has_room(b, CALLS, BYTES); n++)
      add_reading(b, s->thread[i + n].tid, &reading[n]);
    r = executor_run(f->tracer, b, e);
    for (size_t k = 0; r == 0 && k < n; k++)
      r = take_reading(b, &reading[k], &s->thread[i + k], e);
  }
  batch_free(b);
  return r;
}

static int read_inside(struct executor *x, struct thread_state *t, struct error *e) {
  struct batch *b = batch_new();
  struct own_reading own = own_add_reading(b, x);
  int r = executor_run(x, b, e);
  if (r == 0)
    own_take(b, &own, x, t);
  batch_free(b);
  return r;
}

static int read_inside_of(struct frozen *f, struct executor *main, struct thread_state *t, struct error *e) {
  struct executor *x;
  if (executor_open(f->tracer, f->pid, t->tid, main, &x, e) < 0)
    return -1;
  int r = read_inside(x, t, e);
  return executor_close(x, e) < 0 ? -1 : r;
}

// What the main thread tells comes with the clone.
static int read_others_inside(struct frozen *f, struct executor *main, struct process_state *s, struct error *e) {
  int r = 0;
  for (size_t i = 1; r == 0 && i < s->threads; i++) {
    affinity_pin(s, s->thread[i].tid);
    r = read_inside_of(f, main, &s->thread[i], e);
    affinity_unpin(s, s->thread[i].tid, &s->thread[i].attributes);
  }
  return r;
}

// The registers that a thread has once it goes on anywhere else than in its own kernel stack.
static void mend_registers(pid_t pid, struct thread_state *t) {
  arch_restart_call(&t->registers, &(struct arch_memory){.read = memory_read, .pid = pid});
}

static int set_registers(struct frozen *f, const struct thread_state *t, struct error *e) {
  struct batch *b = batch_new();
  size_t at = batch_data(b, &t->registers, sizeof t->registers);
  (void)add_ptrace(b, PTRACE_SETREGS, t->tid, 0, POINTER(at));
  int r = executor_run(f->tracer, b, e);
  batch_free(b);
  return r;
}

// A connect(2) that has been cut while it waited. Begun again, it ends with 0 once the connection is there, but with
// EISCONN if the kernel has told somebody of it before: us, who may have connected the socket once more by now to see
// what waits to be accepted. So it ends here, in the living thread, too; what a debugger has seen stays.
static int end_connect(struct frozen *f, struct executor *main, const struct process_state *s, struct thread_state *t,
                       struct error *e) {
  int fd;
  if (!arch_is_cut_in_connect(&t->registers, &fd))
    return 0;
  const struct descriptor *d = descriptors_find(&s->descriptors, fd);
  struct socket_state *socket = d ? s->descriptors.item[d->leader].socket : NULL;
  if (!socket || !sockets_leave_connect(socket))
    return 0;
  arch_end_call(&t->registers);
  if (s->engine->debugger)
    return 0;
  if (t->tid != s->pid)
    return set_registers(f, t, e);
  arch_end_call(executor_registers(main));
  return 0;
}

// A thread that a handled signal has woken goes on with the handler, and its call fails with EINTR: the kernel itself
// sees to that, from registers as they are. Under a debugger they are used for more.
static bool is_woken(const struct process_state *s, const struct thread_state *t, uint64_t shared) {
  return !s->engine->debugger && (pending_set(&t->pending) | shared) & ~t->mask & t->caught;
}

void threads_list(const struct frozen *f, struct process_state *s) {
  s->threads = f->count;
  s->thread = must_alloc(f->count * sizeof *s->thread);
  for (size_t i = 0; i < f->count; i++) {
    s->thread[i].tid = f->tid[i];
    (void)thread_attributes_read(f->tid[i], &s->thread[i].attributes);
  }
}

int threads_capture(struct frozen *f, struct executor *main, struct process_state *s, struct error *e) {
  int r = fault(FAULT_capture_threads);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the registers of process %d", f->pid);
  return read_outside(f, s, e) < 0 || read_others_inside(f, main, s, e) < 0 ? -1 : 0;
}

int threads_finish(struct frozen *f, struct executor *main, struct process_state *s, struct error *e) {
  if (signals_capture(f, main, s, e) < 0)
    return -1;
  // The main thread is held by an executor: its own registers and mask are those that it found.
  s->thread[0].registers = *executor_registers(main);
  s->thread[0].mask = *executor_mask(main);
  uint64_t shared = pending_set(&s->pending);
  for (size_t i = 0; i < s->threads; i++) {
    struct thread_state *t = &s->thread[i];
    if (!is_woken(s, t, shared)) {
      if (end_connect(f, main, s, t, e) < 0)
        return -1;
      mend_registers(f->pid, t);
    }
    shared &= t->mask;  // whoever does not block one takes it
    if (i > 0)          // that of the main thread is its template's
      thread_read_name(f->pid, t->tid, t);
  }
  return 0;
}

void threads_done(struct process_state *s) {
  for (size_t i = 0; i < s->threads; i++) {
    free(s->thread[i].extended);
    pending_done(&s->thread[i].pending);
  }
  free(s->thread);
}

// ---- putting back ----

int thread_set(struct executor *tracer, pid_t pid, const struct thread_state *t, struct error *e) {
  int failed = fault(FAULT_rewind_threads);
  if (failed < 0)
    return error_set_errno(e, failed, "cannot set the registers of thread %d", t->tid);
  struct batch *b = batch_new();
  size_t registers = batch_data(b, &t->registers, sizeof t->registers), mask = batch_data(b, &t->mask, 8);
  size_t extended = batch_data(b, t->extended, t->extended_size);
  struct iovec v = {.iov_len = t->extended_size};
  size_t vector = batch_data(b, &v, sizeof v);
  batch_pointer(b, vector, extended);
  (void)add_ptrace(b, PTRACE_SETREGSET, t->tid, ARCH_EXTENDED_NOTE, POINTER(vector));
  (void)add_ptrace(b, PTRACE_SETSIGMASK, t->tid, 8, POINTER(mask));
  // Registers may refer to segments, which some kernels do not have: then these fail, and are not needed.
  for (unsigned i = 0; i < ARCH_SEGMENTS; i++)
    (void)add_ptrace(b, ARCH_SET_SEGMENT, t->tid, ARCH_SEGMENT_FIRST + i,
                     POINTER(batch_data(b, t->segment[i], ARCH_SEGMENT)));
  const unsigned last = add_ptrace(b, PTRACE_SETREGS, t->tid, 0, POINTER(registers)), needed[] = {0, 1, last};
  int r = executor_run(tracer, b, e);
  for (unsigned i = 0; r == 0 && i < sizeof needed / sizeof *needed; i++)
    if (batch_result(b, needed[i]) < 0)
      r = error_set_errno(e, (int)batch_result(b, needed[i]), "cannot set the registers of thread %d of process %d",
                          t->tid, pid);
  batch_free(b);
  return r;
}

// A thread that was just starting at the snapshot had not registered its area yet, and will do it again.
static void add_rseq(struct batch *b, const struct rseq_configuration *now, const struct rseq_configuration *then) {
  if (now->pointer == then->pointer)
    return;
  enum { UNREGISTER = 1 };
  if (now->pointer)
    (void)CALL(b, SYS_rseq, NUMBER(now->pointer), NUMBER(now->size), NUMBER(UNREGISTER), NUMBER(now->signature));
  if (then->pointer)
    (void)CALL(b, SYS_rseq, NUMBER(then->pointer), NUMBER(then->size), NUMBER(0), NUMBER(then->signature));
}

int thread_read_rseq(struct executor *tracer, pid_t tid, struct rseq_configuration *ret, struct error *e) {
  struct batch *b = batch_new();
  size_t at = batch_data(b, NULL, sizeof *ret);
  (void)add_ptrace(b, KERNEL_PTRACE_GET_RSEQ, tid, sizeof *ret, POINTER(at));
  int r = executor_run(tracer, b, e);
  *ret = (struct rseq_configuration){0};
  if (r == 0 && batch_result(b, 0) >= 0)
    memcpy(ret, batch_at(b, at), sizeof *ret);
  batch_free(b);
  return r;
}

int thread_leave_rseq(struct frozen *f, struct executor *main, const struct thread_state *t, struct error *e) {
  static const struct rseq_configuration none;
  struct rseq_configuration now;
  struct executor *x = main;
  if (thread_read_rseq(f->tracer, t->tid, &now, e) < 0)
    return -1;
  if (!now.pointer || now.pointer == t->rseq.pointer)
    return 0;
  if (t->tid != f->pid && executor_open(f->tracer, f->pid, t->tid, main, &x, e) < 0)
    return -1;
  struct batch *b = batch_new();
  add_rseq(b, &now, &none);
  int r = executor_run(x, b, e);
  batch_free(b);
  return x != main && executor_close(x, e) < 0 ? -1 : r;
}

int thread_set_inside(struct executor *x, const struct thread_state *t, const struct rseq_configuration *now,
                      struct shortfalls *shortfalls, struct error *e) {
  static const struct rseq_configuration none;
  struct setting settings[THREAD_SETTINGS] = {0};
  struct batch *b = batch_new();
  size_t alternate = batch_data(b, &t->alternate, sizeof t->alternate), name = batch_data(b, t->name, sizeof t->name);
  if (t->robust_head)
    (void)CALL(b, executor_own_call(x, SYS_set_robust_list), NUMBER(t->robust_head), NUMBER(t->robust_size));
  if (t->tid_address || !now)
    (void)CALL(b, SYS_set_tid_address, NUMBER(t->tid_address));
  add_rseq(b, now ? now : &none, &t->rseq);
  (void)CALL(b, SYS_sigaltstack, POINTER(alternate), NUMBER(0));
  (void)CALL(b, SYS_prctl, NUMBER(PR_SET_NAME), POINTER(name));
  thread_settings_add(b, &t->attributes);
  struct settings_reading reading = thread_settings_add_reading(b);
  int r = executor_run(x, b, e);
  if (r == 0)
    thread_settings_take(b, &reading, settings);
  thread_settings_compare(settings, t->attributes.setting, shortfalls);
  thread_attributes_put_back(t->tid, &t->attributes, shortfalls);
  batch_free(b);
  if (r < 0 || t->pending.kept)
    return r;
  return pending_discard(x, e) < 0 ? -1 : pending_put_back(x, t->tid, &t->pending, e);
}

// ---- making and ending ----

static int await_here(pid_t tid, struct error *e) {
  int status, r = wait_for_thread(tid, true, &status);
  return r < 0 ? error_set_errno(e, r, "cannot wait for thread %d", tid) : status;
}

// The tracer takes the thread's next status. The status, or -1.
static int await_thread(struct executor *tracer, pid_t tid, struct error *e) {
  if (tracer == executor_self())
    return await_here(tid, e);
  struct batch *b = batch_new();
  int status = 0;
  size_t at = batch_data(b, NULL, sizeof status);
  (void)CALL(b, SYS_wait4, NUMBER(tid), POINTER(at), NUMBER(__WALL));
  int r = executor_run(tracer, b, e);
  if (r == 0 && batch_result(b, 0) < 0)
    r = error_set_errno(e, (int)batch_result(b, 0), "cannot wait for thread %d", tid);
  memcpy(&status, batch_at(b, at), sizeof status);
  batch_free(b);
  return r < 0 ? -1 : status;
}

// A debugger that is to hear of the end reaps the thread itself, later.
static int await_end(struct frozen *f, pid_t tid, struct error *e) {
  if (f->tracer == executor_self() || f->untold)
    return await_thread(f->tracer, tid, e) < 0 ? -1 : 0;
  for (int i = 0; i < END_TRIES; i++) {
    struct process_status s;
    if (status_read_thread(f->pid, tid, &s) < 0 || s.state == 'Z' || s.state == 'X')
      return 0;
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  return error_set(e, ERROR_BUSY, "thread %d of process %d does not end", tid, f->pid);
}

int thread_end(struct frozen *f, struct executor *main, pid_t tid, struct error *e) {
  int r = fault(FAULT_rewind_end_threads);
  if (r < 0)
    return error_set_errno(e, r, "cannot end thread %d", tid);
  struct executor *x;
  if (executor_open(f->tracer, f->pid, tid, main, &x, e) < 0)
    return -1;
  // Nobody is to be woken or told: the thread was never there.
  struct batch *b = batch_new();
  (void)CALL(b, SYS_set_tid_address, NUMBER(0));
  (void)CALL(b, executor_own_call(x, SYS_set_robust_list), NUMBER(0),
             NUMBER(executor_is_narrow(x) ? ARCH_NARROW_ROBUST_SIZE : ROBUST_SIZE));
  r = executor_run(x, b, e);
  batch_free(b);
  if (executor_end_thread(x, e) < 0 || r < 0)
    return -1;
  return await_end(f, tid, e);
}

int64_t clone_there(struct executor *x, const struct clone_args *args, struct error *e) {
  struct batch *b = batch_new();
  size_t at = batch_data(b, args, sizeof *args);
  if (args->set_tid_size) {
    size_t number = batch_data(b, (const void *)(uintptr_t)args->set_tid, sizeof(pid_t));
    batch_pointer(b, at + offsetof(struct clone_args, set_tid), number);
  }
  (void)CALL(b, SYS_clone3, POINTER(at), NUMBER(sizeof *args));
  int64_t r = executor_run(x, b, e) < 0 ? -EIO : batch_result(b, 0);
  batch_free(b);
  return r;
}

// Where the next number cannot be set, it has to be chosen, which needs a right (see host_may_choose).
static int64_t clone_thread(struct executor *x, const struct thread_state *t, bool is_chosen, struct error *e) {
  struct clone_args args = thread_clone_args(t);
  args.flags |= CLONE_UNTRACED;
  args.set_tid = is_chosen ? (uint64_t)(uintptr_t)&t->tid : 0;
  args.set_tid_size = is_chosen;
  return clone_there(x, &args, e);
}

struct clone_args thread_clone_args(const struct thread_state *t) {
  // Narrow calls take something else for it; all get it with their registers anyway.
  const uint64_t tls = arch_tls(&t->registers);
  return (struct clone_args){
      .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PTRACE |
               (tls ? CLONE_SETTLS : 0),
      .tls = tls,
  };
}

static int await_new(struct executor *tracer, pid_t tid, struct error *e) {
  int status = await_thread(tracer, tid, e);
  if (status < 0)
    return -1;
  if (tracer == executor_self())
    (void)ptrace(PTRACE_SETOPTIONS, tid, 0, PTRACE_O_TRACESYSGOOD);
  return WIFSTOPPED(status) ? 0 : error_set(e, ERROR_FAILED, "the new thread %d ended at once", tid);
}

// A dying thread's number can stay busy for a moment after it has gone: try again, with a bound.
int thread_make(struct frozen *f, struct executor *main, const struct thread_state *t, struct error *e) {
  int r = fault(FAULT_rewind_make_threads);
  if (r < 0)
    return error_set_errno(e, r, "cannot make thread %d", t->tid);
  for (int i = 0; i < NUMBER_TRIES; i++) {
    const bool is_chosen = kernel_numbers_are_shared();
    r = is_chosen ? 0 : kernel_set_last_pid(t->tid - 1);
    if (r < 0)
      return error_set_errno(e, r, "cannot ask for the thread number %d", t->tid);
    int64_t tid = clone_thread(main, t, is_chosen, e);
    if (tid == -EEXIST && is_chosen && i + 1 < NUMBER_TRIES) {
      (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
      continue;
    }
    if (tid < 0)
      return error_set_errno(e, (int)tid, "cannot make thread %d", t->tid);
    if (await_new(f->tracer, (pid_t)tid, e) < 0)
      return -1;
    if (tid == t->tid)
      return 0;
    if (thread_end(f, main, (pid_t)tid, e) < 0)
      return -1;
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  return error_set(e, ERROR_BUSY, "the thread number %d is in use by another process of the session", t->tid);
}
