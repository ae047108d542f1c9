// SPDX-License-Identifier: EPL-2.0
// 32-bit programs on x86-64.
#include "trace/arch/narrow_x86_64.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trace/arch/narrow.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum { NARROW_CODE = 0x23, USER_DATA = 0x2b, PAGE_BITS = 12 };
enum { NANOSLEEP = 162, CLOCK_NANOSLEEP = 267, CLOCK_NANOSLEEP_64 = 407, FUTEX = 240, FUTEX_64 = 422, POLL = 168 };

// The first of several with one meaning is the one that is used here.
static const struct {
  long narrow, wide;
} numbers[] = {
    {NARROW_RESTART_SYSCALL, SYS_restart_syscall},
    {1, SYS_exit},
    {2, SYS_fork},
    {3, SYS_read},
    {4, SYS_write},
    {5, SYS_open},
    {11, SYS_execve},
    {29, SYS_pause},
    {54, SYS_ioctl},
    {55, SYS_fcntl},
    {91, SYS_munmap},
    {114, SYS_wait4},
    {7, SYS_wait4},
    {118, SYS_fsync},
    {120, SYS_clone},
    {142, SYS_select},
    {143, SYS_flock},
    {145, SYS_readv},
    {146, SYS_writev},
    {NANOSLEEP, SYS_nanosleep},
    {POLL, SYS_poll},
    {174, SYS_rt_sigaction},
    {177, SYS_rt_sigtimedwait},
    {421, SYS_rt_sigtimedwait},
    {179, SYS_rt_sigsuspend},
    {72, SYS_rt_sigsuspend},
    {180, SYS_pread64},
    {181, SYS_pwrite64},
    {187, SYS_sendfile},
    {190, SYS_vfork},
    {224, SYS_gettid},
    {239, SYS_sendfile},
    {192, SYS_mmap},
    {221, SYS_fcntl},
    {FUTEX, SYS_futex},
    {FUTEX_64, SYS_futex},
    {247, SYS_io_getevents},
    {252, SYS_exit_group},
    {256, SYS_epoll_wait},
    {CLOCK_NANOSLEEP, SYS_clock_nanosleep},
    {CLOCK_NANOSLEEP_64, SYS_clock_nanosleep},
    {279, SYS_mq_timedsend},
    {418, SYS_mq_timedsend},
    {280, SYS_mq_timedreceive},
    {419, SYS_mq_timedreceive},
    {284, SYS_waitid},
    {295, SYS_openat},
    {308, SYS_pselect6},
    {413, SYS_pselect6},
    {309, SYS_ppoll},
    {414, SYS_ppoll},
    {311, SYS_set_robust_list},
    {312, SYS_get_robust_list},
    {313, SYS_splice},
    {315, SYS_tee},
    {316, SYS_vmsplice},
    {319, SYS_epoll_pwait},
    {333, SYS_preadv},
    {334, SYS_pwritev},
    {337, SYS_recvmmsg},
    {417, SYS_recvmmsg},
    {362, SYS_connect},
    {364, SYS_accept4},
    {369, SYS_sendto},
    {370, SYS_sendmsg},
    {371, SYS_recvfrom},
    {372, SYS_recvmsg},
    {397, SYS_shmat},
    {400, SYS_msgsnd},
    {401, SYS_msgrcv},
    {420, SYS_semtimedop},
    {435, SYS_clone3},
    {441, SYS_epoll_pwait2},
};

static long narrow_of(long wide) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (numbers[i].wide == wide)
      return numbers[i].narrow;
  return -1;
}

long arch_narrow_meaning(long number) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (numbers[i].narrow == number)
      return numbers[i].wide;
  return -1;
}

// The old calls for System V objects and sockets are one each, and tell what is meant by an argument.
static long meaning_of_common(long number, long what) {
  enum { SOCKETS = 102, SYSTEM_V = 117 };
  static const struct {
    long number, what, wide;
  } meanings[] = {{SYSTEM_V, 1, SYS_semop},    {SYSTEM_V, 4, SYS_semtimedop}, {SYSTEM_V, 11, SYS_msgsnd},
                  {SYSTEM_V, 12, SYS_msgrcv},  {SOCKETS, 3, SYS_connect},     {SOCKETS, 5, SYS_accept},
                  {SOCKETS, 9, SYS_sendto},    {SOCKETS, 10, SYS_recvfrom},   {SOCKETS, 11, SYS_sendto},
                  {SOCKETS, 12, SYS_recvfrom}, {SOCKETS, 16, SYS_sendmsg},    {SOCKETS, 17, SYS_recvmsg},
                  {SOCKETS, 18, SYS_accept4}};
  for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
    if (meanings[i].number == number && meanings[i].what == what)
      return meanings[i].wide;
  return -1;
}

long narrow_meaning(const struct registers *r, long number) {
  long wide = arch_narrow_meaning(number);
  return wide >= 0 ? wide : meaning_of_common(number, (long)(r->user.rbx & 0xffff));
}

long arch_narrow_call(long number) { return narrow_of(number) | 1L << NARROW_TAG; }

// Or in code of a segment of its own.
bool narrow_is_running(const struct registers *r) {
  enum { LOCAL = 4 };
  return r->user.cs == NARROW_CODE || r->user.cs & LOCAL;
}

// The narrow mmap(2) counts its offset in pages.
void narrow_start_call(struct registers *r, uint64_t instruction, long number, const uint64_t args[6]) {
  r->user.cs = NARROW_CODE;
  r->user.ss = USER_DATA;
  r->user.rip = instruction;
  r->user.rax = (uint64_t)narrow_of(number);
  r->user.orig_rax = (unsigned long long)-1;
  r->user.rbx = (uint32_t)args[0];
  r->user.rcx = (uint32_t)args[1];
  r->user.rdx = (uint32_t)args[2];
  r->user.rsi = (uint32_t)args[3];
  r->user.rdi = (uint32_t)args[4];
  r->user.rbp = (uint32_t)(number == SYS_mmap ? args[5] >> PAGE_BITS : args[5]);
}

int arch_map_narrow_vdso(uint64_t address) {
  enum { MAP_VDSO_32 = 0x2002 };  // of arch_prctl(2)
  return syscall(SYS_arch_prctl, MAP_VDSO_32, address) < 0 ? -1 : 0;
}

// ---- calls that the kernel goes on with ----

static bool can_go_on(uint32_t number) {
  return number == NANOSLEEP || number == CLOCK_NANOSLEEP || number == CLOCK_NANOSLEEP_64 || number == FUTEX ||
         number == FUTEX_64 || number == POLL;
}

// The last "mov $number,%eax" before the end of the code.
static long number_in(const struct arch_memory *m, uint64_t end) {
  enum { LOOKS_BACK = 96 };
  unsigned char code[LOOKS_BACK];
  if (m->read(m->pid, end - sizeof code, code, sizeof code) < 0)
    return -1;
  for (int at = LOOKS_BACK - 5; at >= 0; at--) {
    uint32_t number;
    memcpy(&number, code + at + 1, sizeof number);
    if (code[at] == 0xb8 && can_go_on(number))
      return (long)number;
  }
  return -1;
}

// One that only takes registers from the stack and returns (pop… ret): then where it returns to, and with which stack.
static bool leaves(const struct arch_memory *m, uint64_t *at, uint64_t *stack) {
  enum { POP = 0x58, REGISTERS = 8, RETURN = 0xc3, MOST = 6 };
  unsigned char code[MOST + 1];
  uint32_t caller;
  unsigned pops = 0;
  if (m->read(m->pid, *at, code, sizeof code) < 0)
    return false;
  while (pops < MOST && code[pops] >= POP && code[pops] < POP + REGISTERS)
    pops++;
  if (code[pops] != RETURN || m->read(m->pid, *stack + pops * sizeof caller, &caller, sizeof caller) < 0)
    return false;
  *at = caller;
  *stack += (pops + 1) * sizeof caller;
  return true;
}

// Most calls are made by the vdso, often through a function of the library: it is their caller that tells.
long narrow_number_before(const struct arch_memory *m, const struct registers *r) {
  enum { DEPTH = 4 };
  uint64_t place[DEPTH + 1] = {r->user.rip}, at = r->user.rip, stack = r->user.rsp;
  int depth = 0;
  while (depth < DEPTH && leaves(m, &at, &stack))
    place[++depth] = at;
  long number = -1;
  for (; number < 0 && depth >= 0; depth--)
    number = number_in(m, place[depth]);
  return number;
}

// As in a wide program, in other registers.
void narrow_sleep_the_rest(struct registers *r, long number) {
  if (number == NANOSLEEP && (uint32_t)r->user.rcx)
    r->user.rbx = r->user.rcx;
  if ((number == CLOCK_NANOSLEEP || number == CLOCK_NANOSLEEP_64) && (uint32_t)r->user.rsi)
    r->user.rdx = r->user.rsi;
}
