// SPDX-License-Identifier: EPL-2.0
// The names of the system calls in which a program waits: those that a snapshot finds it in.
#include <sys/syscall.h>

#include "engine/save_state.h"

#define CALL_NAME(name) {SYS_##name, #name},
static const struct {
  long number;
  const char *name;
} names[] = {
    // clang-format off
    CALL_NAME(accept) CALL_NAME(accept4) CALL_NAME(clock_nanosleep) CALL_NAME(connect) CALL_NAME(epoll_pwait)
    CALL_NAME(epoll_wait) CALL_NAME(fcntl) CALL_NAME(flock) CALL_NAME(fsync) CALL_NAME(futex) CALL_NAME(io_getevents)
    CALL_NAME(ioctl) CALL_NAME(mq_timedreceive) CALL_NAME(mq_timedsend) CALL_NAME(msgrcv) CALL_NAME(msgsnd)
    CALL_NAME(nanosleep) CALL_NAME(open) CALL_NAME(openat) CALL_NAME(pause) CALL_NAME(poll) CALL_NAME(ppoll)
    CALL_NAME(pread64) CALL_NAME(preadv) CALL_NAME(pselect6) CALL_NAME(pwrite64) CALL_NAME(pwritev) CALL_NAME(read)
    CALL_NAME(readv) CALL_NAME(recvfrom) CALL_NAME(recvmmsg) CALL_NAME(recvmsg) CALL_NAME(restart_syscall)
    CALL_NAME(rt_sigsuspend) CALL_NAME(rt_sigtimedwait) CALL_NAME(select) CALL_NAME(semop) CALL_NAME(semtimedop)
    CALL_NAME(sendfile) CALL_NAME(sendmsg) CALL_NAME(sendto) CALL_NAME(splice) CALL_NAME(tee) CALL_NAME(vmsplice)
    CALL_NAME(wait4) CALL_NAME(waitid) CALL_NAME(write) CALL_NAME(writev)
    // clang-format on
};

const char *save_call_name(long number) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].number == number)
      return names[i].name;
  return NULL;
}
