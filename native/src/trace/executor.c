// SPDX-License-Identifier: EPL-2.0
// Who makes system calls: this process, or a stopped thread into which they are injected.
#include "trace/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/arch/narrow.h"
#include "trace/batch.h"
#include "trace/instruction.h"
#include "trace/journal.h"

// The area in the tracee: a page of code, the table of calls, the memory of the batch.
enum {
  TABLE = ARCH_PAGE,
  MEMORY = TABLE + 5 * ARCH_PAGE,
  STOPS_AT_MOST = 200,  // stops that are not ours, before a thread counts as one that cannot be driven
};
_Static_assert(TABLE + (BATCH_CALLS + 1) * sizeof(struct arch_call) <= MEMORY, "the table fits");
_Static_assert(MEMORY + BATCH_MEMORY <= EXECUTOR_AREA, "the area holds all");

struct executor {
  struct executor *tracer;  // NULL: this process
  pid_t pid, tid;
  struct registers saved;
  uint64_t mask;
  siginfo_t info;
  bool has_info;
  uint64_t events;       // of ptrace(2), that it came by: a bit for each
  bool stop_pending;     // a SIGSTOP that is not ours waited in the thread: it is to wait there again
  uint64_t instruction;  // of a system call, in the vdso
  uint64_t area;
  bool keeps_area;      // the area stays when we go
  bool shares;          // area and memory are those of another executor
  int memory;           // /proc/PID/mem
  struct batch *drive;  // the tracer's calls
};

struct executor *executor_self(void) {
  static struct executor self = {.memory = -1};
  return &self;
}

struct executor *executor_tracer(const struct executor *x) {
  return x->tracer;
}
pid_t executor_pid(const struct executor *x) { return x->pid; }
uint64_t executor_area(const struct executor *x) { return x->area; }
uint64_t executor_instruction(const struct executor *x) { return x->instruction; }
bool executor_is_narrow(const struct executor *x) { return x->instruction & ARCH_NARROW; }
long executor_own_call(const struct executor *x, long number) {
  return executor_is_narrow(x) ? arch_narrow_call(number) : number;
}
struct registers *executor_registers(struct executor *x) {
  return &x->saved;
}
uint64_t *executor_mask(struct executor *x) { return &x->mask; }
uint64_t executor_events(const struct executor *x) { return x->events; }
bool *executor_stop_pending(struct executor *x) { return &x->stop_pending; }

// ---- driving a thread ----

static unsigned add_ptrace(struct executor *x, long request, uint64_t address, struct arg data) {
  return CALL(x->drive, SYS_ptrace, NUMBER(request), NUMBER(x->tid), NUMBER(address), data);
}

static size_t add_wait(struct executor *x) {
  size_t status = batch_data(x->drive, NULL, sizeof(int));
  (void)CALL(x->drive, SYS_wait4, NUMBER(x->tid), POINTER(status), NUMBER(__WALL));
  return status;
}

static int check_results(struct executor *x, const char *what, struct error *e) {
  for (unsigned i = 0; i < x->drive->calls_count; i++)
    if (batch_result(x->drive, i) < 0)
      return error_set_errno(e, (int)batch_result(x->drive, i), "cannot %s thread %d", what, x->tid);
  return 0;
}

// Runs the tracer's calls and checks that each returned 0 or more.
static int drive(struct executor *x, const char *what, struct error *e) {
  return executor_run(x->tracer, x->drive, e) < 0 ? -1 : check_results(x, what, e);
}

static int check_alive(struct executor *x, int status, struct error *e) {
  if (WIFSTOPPED(status))
    return 0;
  return error_set(e, ERROR_NO_PROCESS, "thread %d ended while it was held", x->tid);
}

// Runs the tracer's calls, then takes the next stop and the registers there.
static int drive_to_stop(struct executor *x, const char *what, int *ret_status, struct registers *ret,
                         struct error *e) {
  size_t status = add_wait(x), registers = batch_data(x->drive, NULL, sizeof *ret);
  (void)add_ptrace(x, PTRACE_GETREGS, 0, POINTER(registers));
  if (executor_run(x->tracer, x->drive, e) < 0)
    return -1;
  memcpy(ret_status, batch_at(x->drive, status), sizeof *ret_status);
  memcpy(ret, batch_at(x->drive, registers), sizeof *ret);
  return check_alive(x, *ret_status, e) < 0 ? -1 : check_results(x, what, e);
}

typedef bool (*stop_test)(int status, const struct registers *r);

static bool is_signal_stop(int status) { return WSTOPSIG(status) == SIGSTOP && status >> 16 == 0; }

// 0x80 marks it, unless the tracer is another one, which has not asked for it.
static bool is_call_stop(int status, const struct registers *r) {
  (void)r;
  return (WSTOPSIG(status) & ~0x80) == SIGTRAP && status >> 16 == 0;
}

static bool is_last_stop(int status, const struct registers *r) {
  (void)r;
  return is_signal_stop(status);
}

static bool is_loop_stop(int status, const struct registers *r) {
  return is_signal_stop(status) && arch_loop_is_done(r);
}

// SIGSTOP cannot be blocked: one that has been sent by somebody else, and not taken yet, comes before our own.
static void pass_over(struct executor *x, int status) {
  x->stop_pending = x->stop_pending || is_signal_stop(status);
  x->events |= 1ULL << (status >> 16 & 63);
}

// Lets the thread go on, ignoring stops that are not ours, until `reached` holds for one.
static int go_until(struct executor *x, long request, stop_test reached, struct registers *ret, struct error *e) {
  for (int i = 0; i < STOPS_AT_MOST; i++) {
    batch_clear(x->drive);
    (void)add_ptrace(x, request, 0, NUMBER(0));
    int s;
    if (drive_to_stop(x, "drive", &s, ret, e) < 0)
      return -1;
    if (reached(s, ret))
      return 0;
    pass_over(x, s);
    if (WSTOPSIG(s) == SIGSEGV || WSTOPSIG(s) == SIGBUS || WSTOPSIG(s) == SIGSYS)
      return error_set(e, ERROR_FAILED, "thread %d got signal %d while it made a call for us", x->tid, WSTOPSIG(s));
  }
  return error_set(e, ERROR_BUSY, "thread %d does not come to rest", x->tid);
}

// One call with the vdso's own instruction: needs nothing in the tracee's memory.
static int step_from(struct executor *x, struct registers r, int64_t *ret, struct error *e) {
  batch_clear(x->drive);
  size_t at = batch_data(x->drive, &r, sizeof r), after = batch_data(x->drive, NULL, sizeof r), status[2];
  (void)add_ptrace(x, PTRACE_SETREGS, 0, POINTER(at));
  for (int i = 0; i < 2; i++) {
    (void)add_ptrace(x, PTRACE_SYSCALL, 0, NUMBER(0));
    status[i] = add_wait(x);
  }
  (void)add_ptrace(x, PTRACE_GETREGS, 0, POINTER(after));
  if (drive(x, "make a call in", e) < 0)
    return -1;
  int missing = 0;
  for (int i = 0; i < 2; i++) {
    int s;
    memcpy(&s, batch_at(x->drive, status[i]), sizeof s);
    if (check_alive(x, s, e) < 0)
      return -1;
    missing += !is_call_stop(s, NULL);
    pass_over(x, s);
  }
  memcpy(&r, batch_at(x->drive, after), sizeof r);
  for (int i = 0; i < missing; i++)
    if (go_until(x, PTRACE_SYSCALL, is_call_stop, &r, e) < 0)
      return -1;
  *ret = arch_result(&r);
  return 0;
}

// Where it needs no stack to stay.
static int go_round(struct executor *x, uint64_t circle, struct error *e) {
  static const uint64_t none[6];
  struct registers r = x->saved;
  arch_start_call(&r, circle, 0, none);
  batch_clear(x->drive);
  size_t at = batch_data(x->drive, &r, sizeof r);
  (void)add_ptrace(x, PTRACE_SETREGS, 0, POINTER(at));
  return drive(x, "hold", e);
}

static int step_call(struct executor *x, long number, const uint64_t args[6], int64_t *ret, struct error *e) {
  struct registers r = x->saved;
  struct landing l;
  landing_prepare(&l, x->pid, x->memory, arch_sp(&r));
  arch_start_call(&r, l.instruction ? l.instruction : x->instruction, number, args);
  if (l.instruction)
    arch_set_sp(&r, l.stack);
  journal_lend(x->tid, &l);
  int result = step_from(x, r, ret, e);
  if (result == 0 && l.instruction)
    result = go_round(x, l.circle, e);
  landing_done(&l);
  return result;
}

// ---- opening ----

static int open_memory(struct executor *x, struct error *e) {
  char path[64];
  if (x->memory >= 0)
    return 0;
  (void)snprintf(path, sizeof path, "/proc/%d/mem", x->pid);
  x->memory = open(path, O_RDWR | O_CLOEXEC);
  if (x->memory < 0)
    return error_set_errno(e, -errno, "cannot open the memory of process %d", x->pid);
  return 0;
}

// In the stop of an event (fork, exec…) a thread is inside of a system call, whose end would change the registers that
// we set: it goes to that end first.
static bool is_inside_call(const siginfo_t *info) {
  int event = info->si_code >> 8;
  return info->si_signo == SIGTRAP && (info->si_code & 0xff) == SIGTRAP && event >= PTRACE_EVENT_FORK &&
         event <= PTRACE_EVENT_VFORK_DONE;
}

static int end_call(struct executor *x, struct error *e) {
  int s;
  batch_clear(x->drive);
  (void)add_ptrace(x, PTRACE_SYSCALL, 0, NUMBER(0));
  if (drive_to_stop(x, "drive", &s, &x->saved, e) < 0)
    return -1;
  return is_call_stop(s, NULL) ? 0 : error_set(e, ERROR_BUSY, "thread %d does not come to rest", x->tid);
}

static int save_state(struct executor *x, struct error *e) {
  static const uint64_t all = ~(uint64_t)0;
  if (!x->tracer->tracer && !x->keeps_area)
    journal_hold_thread(x->pid, x->tid);
  batch_clear(x->drive);
  size_t registers = batch_data(x->drive, NULL, sizeof x->saved), mask = batch_data(x->drive, NULL, 8);
  size_t blocked = batch_data(x->drive, &all, 8), info = batch_data(x->drive, NULL, sizeof x->info);
  unsigned first = add_ptrace(x, PTRACE_GETREGS, 0, POINTER(registers));
  unsigned second = add_ptrace(x, PTRACE_GETSIGMASK, 8, POINTER(mask));
  unsigned third = add_ptrace(x, PTRACE_GETSIGINFO, 0, POINTER(info));
  unsigned last = add_ptrace(x, PTRACE_SETSIGMASK, 8, POINTER(blocked));
  if (executor_run(x->tracer, x->drive, e) < 0)
    return -1;
  const unsigned needed[] = {first, second, last};
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
    if (batch_result(x->drive, needed[i]) < 0)
      return error_set_errno(e, (int)batch_result(x->drive, needed[i]), "cannot hold thread %d", x->tid);
  memcpy(&x->saved, batch_at(x->drive, registers), sizeof x->saved);
  memcpy(&x->mask, batch_at(x->drive, mask), sizeof x->mask);
  memcpy(&x->info, batch_at(x->drive, info), sizeof x->info);
  x->has_info = batch_result(x->drive, third) >= 0;
  return x->has_info && is_inside_call(&x->info) ? end_call(x, e) : 0;
}

static int map_area(struct executor *x, uint64_t address, struct error *e) {
  const uint64_t flags = MAP_PRIVATE | MAP_ANONYMOUS | (address ? MAP_FIXED_NOREPLACE : 0);
  const uint64_t args[6] = {address, EXECUTOR_AREA, PROT_READ | PROT_WRITE | PROT_EXEC, flags, (uint64_t)-1, 0};
  int64_t area;
  journal_want_area(x->tid, address, x->instruction);
  if (step_call(x, SYS_mmap, args, &area, e) < 0)
    return -1;
  if (area < 0 && area > -4096)
    return error_set_errno(e, (int)area, "cannot map %d bytes into process %d", EXECUTOR_AREA, x->pid);
  x->area = (uint64_t)area;
  journal_set_area(x->tid, x->area);
  if (pwrite(x->memory, arch_loop, arch_loop_size, (off_t)x->area) != (ssize_t)arch_loop_size)
    return error_set_errno(e, -errno, "cannot write to the memory of process %d", x->pid);
  return 0;
}

static void executor_free(struct executor *x) {
  journal_let_thread_go(x->tid);
  if (x->memory >= 0 && !x->shares)
    (void)close(x->memory);
  batch_free(x->drive);
  free(x);
}

static int leave(struct executor *x, struct error *e);

static int prepare(struct executor *x, uint64_t address, struct error *e) {
  if (open_memory(x, e) < 0 || (!x->instruction && instruction_find(x->pid, x->memory, &x->instruction, e) < 0) ||
      save_state(x, e) < 0)
    return -1;
  if (map_area(x, address, e) == 0)
    return 0;
  struct error ignored = {0};
  (void)leave(x, &ignored);
  return -1;
}

static int prepare_shared(struct executor *x, struct executor *share, struct error *e) {
  x->shares = true;
  x->memory = share->memory;
  x->instruction = share->instruction;
  x->area = share->area;
  return save_state(x, e);
}

// `as`: what is known already.
static int open_any(const struct executor *as, struct executor *share, uint64_t address, struct executor **ret,
                    struct error *e) {
  struct executor *x = must_alloc(sizeof *x);
  *x = *as;
  x->drive = batch_new();
  if ((share ? prepare_shared(x, share, e) : prepare(x, address, e)) == 0) {
    *ret = x;
    return 0;
  }
  executor_free(x);
  return -1;
}

int executor_open(struct executor *tracer, pid_t pid, pid_t tid, struct executor *share, struct executor **ret,
                  struct error *e) {
  return open_any(&(struct executor){.tracer = tracer, .pid = pid, .tid = tid, .memory = -1}, share, 0, ret, e);
}

int executor_open_main(struct executor *tracer, pid_t pid, uint64_t instruction, int memory, struct executor **ret,
                       struct error *e) {
  const struct executor as = {.tracer = tracer, .pid = pid, .tid = pid, .instruction = instruction, .memory = memory};
  return open_any(&as, NULL, 0, ret, e);
}

int executor_open_at(struct executor *tracer, pid_t pid, pid_t tid, uint64_t address, struct executor **ret,
                     struct error *e) {
  return open_any(&(struct executor){.tracer = tracer, .pid = pid, .tid = tid, .memory = -1}, NULL, address, ret, e);
}

int executor_adopt(struct executor *tracer, pid_t pid, uint64_t area, uint64_t instruction, bool keep,
                   struct executor **ret, struct error *e) {
  struct executor *x = must_alloc(sizeof *x);
  *x = (struct executor){.tracer = tracer,
                         .pid = pid,
                         .tid = pid,
                         .instruction = instruction,
                         .area = area,
                         .keeps_area = keep,
                         .memory = -1,
                         .drive = batch_new()};
  if (open_memory(x, e) == 0 && save_state(x, e) == 0) {
    *ret = x;
    return 0;
  }
  executor_free(x);
  return -1;
}

// ---- running ----

static int write_batch(struct executor *x, struct batch *b, struct error *e) {
  struct arch_call table[BATCH_CALLS + 1];
  uint64_t base = x->area + MEMORY;
  batch_set_pointers(b, base);
  for (unsigned i = 0; i < b->calls_count; i++) {
    table[i].number = (uint64_t)b->calls[i].number;
    for (int k = 0; k < 6; k++)
      table[i].args[k] = batch_argument(&b->calls[i].args[k], base);
  }
  // The last call stops the thread itself: a stop from which the kernel restarts cut calls.
  table[b->calls_count] = (struct arch_call){SYS_tgkill, {(uint64_t)x->pid, (uint64_t)x->tid, SIGSTOP}, 0};
  size_t size = (b->calls_count + 1) * sizeof table[0];
  if (pwrite(x->memory, table, size, (off_t)(x->area + TABLE)) != (ssize_t)size ||
      (b->used && pwrite(x->memory, b->memory, b->used, (off_t)base) != (ssize_t)b->used))
    return error_set_errno(e, -errno, "cannot write to the memory of process %d", x->pid);
  return 0;
}

static int read_batch(struct executor *x, struct batch *b, struct error *e) {
  struct arch_call table[BATCH_CALLS];
  size_t size = b->calls_count * sizeof table[0];
  if (pread(x->memory, table, size, (off_t)(x->area + TABLE)) != (ssize_t)size ||
      (b->used && pread(x->memory, b->memory, b->used, (off_t)(x->area + MEMORY)) != (ssize_t)b->used))
    return error_set_errno(e, -errno, "cannot read the memory of process %d", x->pid);
  for (unsigned i = 0; i < b->calls_count; i++)
    b->calls[i].result = (int64_t)table[i].result;
  return 0;
}

static int start_loop(struct executor *x, unsigned calls, struct error *e) {
  struct registers r = x->saved;
  arch_start_loop(&r, x->area, x->area + TABLE, calls + 1);
  batch_clear(x->drive);
  size_t at = batch_data(x->drive, &r, sizeof r);
  (void)add_ptrace(x, PTRACE_SETREGS, 0, POINTER(at));
  (void)add_ptrace(x, PTRACE_CONT, 0, NUMBER(0));
  int s;
  if (drive_to_stop(x, "make calls in", &s, &r, e) < 0)
    return -1;
  if (is_loop_stop(s, &r))
    return 0;
  pass_over(x, s);
  return go_until(x, PTRACE_CONT, is_loop_stop, &r, e);
}

int executor_run(struct executor *x, struct batch *b, struct error *e) {
  if (!b->calls_count)
    return 0;
  if (!x->tracer)
    return batch_run_here(b);
  if (write_batch(x, b, e) < 0 || start_loop(x, b->calls_count, e) < 0)
    return -1;
  return read_batch(x, b, e);
}

int64_t executor_call(struct executor *x, struct error *e, long number, uint64_t a0, uint64_t a1, uint64_t a2,
                      uint64_t a3, uint64_t a4, uint64_t a5) {
  struct batch *b = batch_new();
  (void)CALL(b, number, NUMBER(a0), NUMBER(a1), NUMBER(a2), NUMBER(a3), NUMBER(a4), NUMBER(a5));
  int64_t result = executor_run(x, b, e) < 0 ? -EIO : batch_result(b, 0);
  batch_free(b);
  return result;
}

// ---- closing ----

static int unmap_area(struct executor *x, struct error *e) {
  const uint64_t args[6] = {x->area, EXECUTOR_AREA, 0, 0, 0, 0};
  int64_t result;
  if (step_call(x, SYS_munmap, args, &result, e) < 0)
    return -1;
  return result < 0 ? error_set_errno(e, (int)result, "cannot unmap our area from process %d", x->pid) : 0;
}

// Puts the registers back and brings the thread into a signal-delivery stop, by a SIGSTOP that can be told from those
// of tgkill(2): ours is lost where another one waits already.
static int stop_at_last(struct executor *x, struct error *e) {
  struct registers r;
  batch_clear(x->drive);
  size_t registers = batch_data(x->drive, &x->saved, sizeof x->saved);
  size_t info = batch_data(x->drive, &(siginfo_t){.si_signo = SIGSTOP, .si_code = SI_QUEUE}, sizeof(siginfo_t));
  (void)add_ptrace(x, PTRACE_SETREGS, 0, POINTER(registers));
  (void)CALL(x->drive, SYS_rt_tgsigqueueinfo, NUMBER(x->pid), NUMBER(x->tid), NUMBER(SIGSTOP), POINTER(info));
  (void)add_ptrace(x, PTRACE_CONT, 0, NUMBER(0));
  int s;
  if (drive_to_stop(x, "let go of", &s, &r, e) < 0)
    return -1;
  return is_signal_stop(s) ? 0 : go_until(x, PTRACE_CONT, is_last_stop, &r, e);
}

// A debugger that has sent a SIGSTOP and not met it yet sends no other one: it would wait for ever.
static int give_stop_back(struct executor *x, struct error *e) {
  if (!x->stop_pending)
    return 0;
  batch_clear(x->drive);
  (void)CALL(x->drive, SYS_tgkill, NUMBER(x->pid), NUMBER(x->tid), NUMBER(SIGSTOP));
  return drive(x, "let go of", e);
}

// Leaves the thread in a signal-delivery stop with its registers, and opens its mask again.
static int leave(struct executor *x, struct error *e) {
  if (stop_at_last(x, e) < 0)
    return -1;
  batch_clear(x->drive);
  size_t last = batch_data(x->drive, NULL, sizeof x->info), info = batch_data(x->drive, &x->info, sizeof x->info);
  size_t blocked = batch_data(x->drive, &x->mask, 8);
  (void)add_ptrace(x, PTRACE_GETSIGINFO, 0, POINTER(last));
  (void)add_ptrace(x, PTRACE_SETSIGMASK, 8, POINTER(blocked));
  if (x->has_info)
    (void)add_ptrace(x, PTRACE_SETSIGINFO, 0, POINTER(info));
  if (drive(x, "let go of", e) < 0)
    return -1;
  siginfo_t taken;
  memcpy(&taken, batch_at(x->drive, last), sizeof taken);
  x->stop_pending = x->stop_pending || taken.si_code == SI_TKILL;
  return give_stop_back(x, e);
}

int executor_close(struct executor *x, struct error *e) {
  if (!x || !x->tracer)
    return 0;
  int r = 0;
  if (x->area && !x->shares && !x->keeps_area)
    r = unmap_area(x, e);
  if (r == 0)
    r = leave(x, e);
  executor_free(x);
  return r;
}

int executor_end_thread(struct executor *x, struct error *e) {
  struct registers r = x->saved;
  const uint64_t none[6] = {0};
  arch_start_call(&r, x->instruction, SYS_exit, none);
  batch_clear(x->drive);
  size_t at = batch_data(x->drive, &r, sizeof r);
  (void)add_ptrace(x, PTRACE_SETREGS, 0, POINTER(at));
  (void)add_ptrace(x, PTRACE_CONT, 0, NUMBER(0));
  int result = drive(x, "end", e);
  executor_free(x);
  return result;
}

void executor_forget(struct executor *x) {
  if (x)
    executor_free(x);
}
