// SPDX-License-Identifier: EPL-2.0
// x86-64.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "trace/arch/arch.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#define RESTART_SYSCALL 219

// Results of a call that a stop has cut, as the kernel shows them to a tracer only (linux/errno.h).
enum { ERESTARTSYS = 512, ERESTARTNOINTR = 513, ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };
enum { TRAP_FLAG = 0x100 };

#define DEBUG(n) (offsetof(struct user, u_debugreg) + 8 * (n))
const size_t arch_debug_offset[ARCH_DEBUG_REGISTERS] = {DEBUG(0), DEBUG(1), DEBUG(2), DEBUG(3), DEBUG(6), DEBUG(7)};

const unsigned char arch_loop[] = {
    0x4d, 0x85, 0xe4,              // loop: test %r12,%r12
    0x74, 0x2a,                    //   jz done
    0x48, 0x8b, 0x03,              //   mov (%rbx),%rax
    0x48, 0x8b, 0x7b, 0x08,        //   mov 8(%rbx),%rdi
    0x48, 0x8b, 0x73, 0x10,        //   mov 16(%rbx),%rsi
    0x48, 0x8b, 0x53, 0x18,        //   mov 24(%rbx),%rdx
    0x4c, 0x8b, 0x53, 0x20,        //   mov 32(%rbx),%r10
    0x4c, 0x8b, 0x43, 0x28,        //   mov 40(%rbx),%r8
    0x4c, 0x8b, 0x4b, 0x30,        //   mov 48(%rbx),%r9
    0x0f, 0x05,                    //   syscall
    0x48, 0x89, 0x43, 0x38,        //   mov %rax,56(%rbx)
    0x48, 0x83, 0xc3, 0x40,        //   add $64,%rbx
    0x49, 0xff, 0xcc,              //   dec %r12
    0xeb, 0xd1,                    //   jmp loop
    0xb8, 0x22, 0x00, 0x00, 0x00,  // done: mov $SYS_pause,%eax
    0x0f, 0x05,                    //   syscall
    0xeb, 0xf7,                    //   jmp done
};
const size_t arch_loop_size = sizeof arch_loop;
const uint64_t arch_user_end = 0x8000000000000000;
const unsigned char arch_breakpoint[ARCH_BREAKPOINT] = {0xcc};

const unsigned char arch_call_and_return[] = {0x0f, 0x05, 0xc3}, arch_circle[] = {0xeb, 0xfe};
const size_t arch_call_and_return_size = sizeof arch_call_and_return, arch_circle_size = sizeof arch_circle;

long arch_find_syscall(const unsigned char *code, size_t size) {
  for (size_t i = 0; i + 1 < size; i++)
    if (code[i] == 0x0f && code[i + 1] == 0x05)
      return (long)i;
  return -1;
}

static void clear_single_step(struct registers *r) { r->user.eflags &= ~(unsigned long long)TRAP_FLAG; }

void arch_start_loop(struct registers *r, uint64_t entry, uint64_t table, uint64_t count) {
  r->user.rip = entry;
  r->user.rbx = table;
  r->user.r12 = count;
  r->user.rsp = table;
  r->user.rax = 0;
  r->user.orig_rax = (unsigned long long)-1;
  clear_single_step(r);
}

// %r12 counts what is left, the call that is being made included; it starts with one more than there are calls.
bool arch_loop_is_done(const struct registers *r) {
  enum { AFTER_CALL = 34 };
  return r->user.r12 == 1 && r->user.rip % ARCH_PAGE == AFTER_CALL;
}

void arch_start_call(struct registers *r, uint64_t instruction, long number, const uint64_t args[6]) {
  r->user.rip = instruction;
  r->user.rax = (uint64_t)number;
  r->user.orig_rax = (unsigned long long)-1;
  r->user.rdi = args[0];
  r->user.rsi = args[1];
  r->user.rdx = args[2];
  r->user.r10 = args[3];
  r->user.r8 = args[4];
  r->user.r9 = args[5];
  clear_single_step(r);
}

int64_t arch_result(const struct registers *r) { return (int64_t)r->user.rax; }
uint64_t arch_pc(const struct registers *r) { return r->user.rip; }
void arch_set_pc(struct registers *r, uint64_t pc) { r->user.rip = pc; }
uint64_t arch_sp(const struct registers *r) { return r->user.rsp; }
void arch_set_sp(struct registers *r, uint64_t sp) { r->user.rsp = sp; }
uint64_t arch_fp(const struct registers *r) { return r->user.rbp; }
uint64_t arch_tls(const struct registers *r) { return r->user.fs_base; }

static void begin_again(struct registers *r, long number) {
  r->user.rip -= 2;
  r->user.rax = (uint64_t)number;
  r->user.orig_rax = (unsigned long long)-1;
}

// "mov $number,%eax; syscall" ends right before the pc: glibc's way to make a call.
static long number_before(const unsigned char code[ARCH_CODE_BEFORE]) {
  const unsigned char *c = code + ARCH_CODE_BEFORE - 7;
  if (c[0] != 0xb8 || c[5] != 0x0f || c[6] != 0x05)
    return -1;
  uint32_t number;
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

void arch_restart_call(struct registers *r, const unsigned char code[ARCH_CODE_BEFORE]) {
  long number = (long)(int64_t)r->user.orig_rax;
  if (number < 0)
    return;
  switch (-(int64_t)r->user.rax) {
  case ERESTART_RESTARTBLOCK:
    if (number == RESTART_SYSCALL && number_before(code) >= 0)
      number = number_before(code);
    sleep_the_rest(r, number);
    begin_again(r, number);
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

bool arch_restart_interrupted(struct registers *r) {
  static const long calls[] = {SYS_epoll_wait,   SYS_epoll_pwait,  SYS_epoll_pwait2, SYS_rt_sigtimedwait,
                               SYS_semop,        SYS_semtimedop,   SYS_msgrcv,       SYS_msgsnd,
                               SYS_io_getevents, SYS_rt_sigsuspend};
  if ((int64_t)r->user.rax != -EINTR)
    return false;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if ((long)(int64_t)r->user.orig_rax == calls[i]) {
      begin_again(r, calls[i]);
      return true;
    }
  return false;
}

bool arch_end_wait(struct registers *r) {
  long number = (long)(int64_t)r->user.orig_rax;
  if (number != SYS_wait4 && number != SYS_waitid)
    return false;
  r->user.rax = (uint64_t)-EINTR;
  r->user.orig_rax = (unsigned long long)-1;
  return true;
}
