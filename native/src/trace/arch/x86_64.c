// SPDX-License-Identifier: EPL-2.0
// x86-64.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "trace/arch/arch.h"
#include "trace/arch/narrow.h"
#include "trace/arch/narrow_x86_64.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#define RESTART_SYSCALL 219

// Results of a call that a stop has cut, as the kernel shows them to a tracer only (linux/errno.h).
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };
enum { TRAP_FLAG = 0x100, USER_DATA = 0x2b, WIDE_CODE = 0x33 };

#define DEBUG(n) (offsetof(struct user, u_debugreg) + 8 * (n))
const size_t arch_debug_offset[ARCH_DEBUG_REGISTERS] = {DEBUG(0), DEBUG(1), DEBUG(2), DEBUG(3), DEBUG(6), DEBUG(7)};

// %r12 counts the calls that are left, %r13 points to the next one: int $0x80 leaves both alone.
const unsigned char arch_loop[] = {
    0x4d, 0x85, 0xe4,                    // loop: test %r12,%r12
    0x74, 0x4e,                          //   jz done
    0x49, 0x8b, 0x45, 0x00,              //   mov (%r13),%rax
    0x48, 0x0f, 0xba, 0xe0, NARROW_TAG,  //   bt $NARROW_TAG,%rax
    0x72, 0x27,                          //   jc narrow
    0x49, 0x8b, 0x7d, 0x08,              //   mov 8(%r13),%rdi
    0x49, 0x8b, 0x75, 0x10,              //   mov 16(%r13),%rsi
    0x49, 0x8b, 0x55, 0x18,              //   mov 24(%r13),%rdx
    0x4d, 0x8b, 0x55, 0x20,              //   mov 32(%r13),%r10
    0x4d, 0x8b, 0x45, 0x28,              //   mov 40(%r13),%r8
    0x4d, 0x8b, 0x4d, 0x30,              //   mov 48(%r13),%r9
    0x0f, 0x05,                          //   syscall
    0x49, 0x89, 0x45, 0x38,              // next: mov %rax,56(%r13)
    0x49, 0x83, 0xc5, 0x40,              //   add $64,%r13
    0x49, 0xff, 0xcc,                    //   dec %r12
    0xeb, 0xc9,                          //   jmp loop
    0x41, 0x8b, 0x5d, 0x08,              // narrow: mov 8(%r13),%ebx
    0x41, 0x8b, 0x4d, 0x10,              //   mov 16(%r13),%ecx
    0x41, 0x8b, 0x55, 0x18,              //   mov 24(%r13),%edx
    0x41, 0x8b, 0x75, 0x20,              //   mov 32(%r13),%esi
    0x41, 0x8b, 0x7d, 0x28,              //   mov 40(%r13),%edi
    0x41, 0x8b, 0x6d, 0x30,              //   mov 48(%r13),%ebp
    0xcd, 0x80,                          //   int $0x80
    0xeb, 0xd7,                          //   jmp next
    0xb8, 0x22, 0x00, 0x00, 0x00,        // done: mov $SYS_pause,%eax
    0x0f, 0x05,                          //   syscall
    0xeb, 0xf7,                          //   jmp done
};
const size_t arch_loop_size = sizeof arch_loop;
const uint64_t arch_user_end = 0x8000000000000000, arch_narrow_end = 0xffffe000;
const unsigned char arch_breakpoint[ARCH_BREAKPOINT] = {0xcc};

const unsigned char arch_circle[] = {0xeb, 0xfe};
const size_t arch_circle_size = sizeof arch_circle;

// syscall; ret. In the vdso of a narrow program: int $0x80; pop %ebp; pop %edx; pop %ecx; ret
const struct arch_call_and_return *arch_call_and_return(bool is_narrow) {
  static const unsigned char wide_code[] = {0x0f, 0x05, 0xc3}, narrow_code[] = {0xcd, 0x80, 0x5d, 0x5a, 0x59, 0xc3};
  static const struct arch_call_and_return wide = {wide_code, sizeof wide_code, 0, sizeof(uint64_t)},
                                           narrow = {narrow_code, sizeof narrow_code, 3 * sizeof(uint32_t),
                                                     sizeof(uint32_t)};
  return is_narrow ? &narrow : &wide;
}

static const unsigned char wide_call[] = {0x0f, 0x05}, narrow_call[] = {0xcd, 0x80};

static long find(const unsigned char *code, size_t size, const unsigned char call[2]) {
  for (size_t i = 0; i + 1 < size; i++)
    if (code[i] == call[0] && code[i + 1] == call[1])
      return (long)i;
  return -1;
}

int arch_find_call(const unsigned char *code, size_t size, uint64_t address, bool is_narrow, uint64_t *ret) {
  long at = find(code, size, is_narrow ? narrow_call : wide_call);
  if (at >= 0)
    *ret = (address + (uint64_t)at) | (is_narrow ? ARCH_NARROW : 0);
  return at < 0 ? -1 : 0;
}

bool arch_is_call(const unsigned char code[ARCH_CALL]) {
  return memcmp(code, wide_call, ARCH_CALL) == 0 || memcmp(code, narrow_call, ARCH_CALL) == 0;
}

static void clear_single_step(struct registers *r) { r->user.eflags &= ~(unsigned long long)TRAP_FLAG; }

// Code of the wide kind can be run in any thread.
static void widen(struct registers *r) {
  r->user.cs = WIDE_CODE;
  r->user.ss = USER_DATA;
}

void arch_start_loop(struct registers *r, uint64_t entry, uint64_t table, uint64_t count) {
  widen(r);
  r->user.rip = entry;
  r->user.r13 = table;
  r->user.r12 = count;
  r->user.rsp = table;
  r->user.rax = 0;
  r->user.orig_rax = (unsigned long long)-1;
  clear_single_step(r);
}

// %r12 counts what is left, the call that is being made included; it starts with one more than there are calls.
bool arch_loop_is_done(const struct registers *r) {
  enum { AFTER_CALL = 42 };
  return r->user.r12 == 1 && r->user.rip % ARCH_PAGE == AFTER_CALL;
}

void arch_start_call(struct registers *r, uint64_t instruction, long number, const uint64_t args[6]) {
  clear_single_step(r);
  if (instruction & ARCH_NARROW) {
    narrow_start_call(r, instruction & ~ARCH_NARROW, number, args);
    return;
  }
  widen(r);
  r->user.rip = instruction;
  r->user.rax = (uint64_t)number;
  r->user.orig_rax = (unsigned long long)-1;
  r->user.rdi = args[0];
  r->user.rsi = args[1];
  r->user.rdx = args[2];
  r->user.r10 = args[3];
  r->user.r8 = args[4];
  r->user.r9 = args[5];
}

int64_t arch_result(const struct registers *r) { return (int64_t)r->user.rax; }
uint64_t arch_pc(const struct registers *r) { return r->user.rip; }
void arch_set_pc(struct registers *r, uint64_t pc) { r->user.rip = pc; }
uint64_t arch_sp(const struct registers *r) { return r->user.rsp; }
void arch_set_sp(struct registers *r, uint64_t sp) { r->user.rsp = sp; }
uint64_t arch_fp(const struct registers *r) { return r->user.rbp; }
uint64_t arch_tls(const struct registers *r) { return r->user.fs_base; }

static void begin_again(struct registers *r, long number) {
  r->user.rip -= ARCH_CALL;
  r->user.rax = (uint64_t)number;
  r->user.orig_rax = (unsigned long long)-1;
}

// "mov $number,%eax; syscall" ends right before the pc: glibc's way to make a call.
static long number_before(const struct arch_memory *m, const struct registers *r) {
  unsigned char c[7];
  uint32_t number;
  if (m->read(m->pid, r->user.rip - sizeof c, c, sizeof c) < 0 || c[0] != 0xb8 ||
      memcmp(c + 5, wide_call, ARCH_CALL) != 0)
    return -1;
  memcpy(&number, c + 1, sizeof number);
  return (long)number;
}

// A relative sleep: the kernel has put the rest into the caller's `rem`, so sleep that.
static void sleep_the_rest(struct registers *r, long number) {
  if (number == SYS_nanosleep && r->user.rsi)
    r->user.rdi = r->user.rsi;
  if (number == SYS_clock_nanosleep && r->user.r10)
    r->user.rdx = r->user.r10;
}

// The number of the call that was cut, from what the kernel shows for one that it has begun again before.
static long number_of_block(struct registers *r, const struct arch_memory *m, long number) {
  bool is_narrow = narrow_is_running(r);
  long shown = is_narrow ? narrow_number_before(m, r) : number_before(m, r);
  if (number == (is_narrow ? NARROW_RESTART_SYSCALL : RESTART_SYSCALL) && shown >= 0)
    number = shown;
  if (is_narrow)
    narrow_sleep_the_rest(r, number);
  else
    sleep_the_rest(r, number);
  return number;
}

void arch_restart_call(struct registers *r, const struct arch_memory *m) {
  long number = (long)(int64_t)r->user.orig_rax;
  if (number < 0)
    return;
  switch (-(int64_t)r->user.rax) {
  case ERESTART_RESTARTBLOCK:
    begin_again(r, number_of_block(r, m, number));
    break;
  case ERESTARTSYS:
  case ERESTARTNOINTR:
  case ERESTARTNOHAND:
    begin_again(r, number);
    break;
  default:
    r->user.orig_rax = (unsigned long long)-1;
  }
}

// As the wide kind numbers it.
static long number_of(const struct registers *r) {
  long number = (long)(int64_t)r->user.orig_rax;
  return narrow_is_running(r) ? narrow_meaning(r, number) : number;
}

bool arch_restart_interrupted(struct registers *r) {
  static const long calls[] = {SYS_epoll_wait,   SYS_epoll_pwait,  SYS_epoll_pwait2, SYS_rt_sigtimedwait,
                               SYS_semop,        SYS_semtimedop,   SYS_msgrcv,       SYS_msgsnd,
                               SYS_io_getevents, SYS_rt_sigsuspend};
  if ((int64_t)r->user.rax != -EINTR)
    return false;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if (number_of(r) == calls[i]) {
      begin_again(r, (long)r->user.orig_rax);
      return true;
    }
  return false;
}

// Not by way of socketcall(2), which has its arguments in memory.
bool arch_is_cut_in_connect(const struct registers *r, int *ret_fd) {
  bool is_narrow = narrow_is_running(r);
  *ret_fd = (int)(is_narrow ? r->user.rbx : r->user.rdi);
  return (int64_t)r->user.rax == -ERESTARTSYS && number_of(r) == SYS_connect &&
         (!is_narrow || arch_narrow_meaning((long)r->user.orig_rax) == SYS_connect);
}

void arch_end_call(struct registers *r) {
  r->user.rax = 0;
  r->user.orig_rax = (unsigned long long)-1;
}

bool arch_may_be_at_call(const struct registers *r) { return (int64_t)r->user.rax == -ENOSYS; }

bool arch_call_is_cut(const struct registers *r) {
  switch (-(int64_t)r->user.rax) {
  case ERESTART_RESTARTBLOCK:
  case ERESTARTSYS:
  case ERESTARTNOINTR:
  case ERESTARTNOHAND:
    return (int64_t)r->user.orig_rax >= 0;
  default:
    return false;
  }
}

void arch_leave_call_out(struct registers *r) { r->user.orig_rax = (unsigned long long)-1; }
void arch_begin_call_again(struct registers *r) { begin_again(r, (long)(int64_t)r->user.orig_rax); }

bool arch_is_new(const struct registers *r) {
  static const long calls[] = {SYS_clone, SYS_clone3, SYS_fork, SYS_vfork};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if ((int64_t)r->user.orig_rax >= 0 && number_of(r) == calls[i])
      return r->user.rax == 0;
  return false;
}

bool arch_end_wait(struct registers *r) {
  long number = number_of(r);
  if (number != SYS_wait4 && number != SYS_waitid)
    return false;
  r->user.rax = (uint64_t)-EINTR;
  r->user.orig_rax = (unsigned long long)-1;
  return true;
}
