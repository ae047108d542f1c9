// SPDX-License-Identifier: EPL-2.0
// Waiting for traced threads.
#include "trace/wait.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "trace/arch/arch.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

enum { ANY_CHANGE = WEXITED | WSTOPPED | WNOWAIT | __WALL, STOPPED = 0x7f /* in a status of waitpid(2) */ };

static bool is_dead(pid_t tid) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/stat", tid);
  _cleanup_free_ char *text = NULL;
  if (file_read_record(path, 4096, &text) < 0)
    return true;
  const char *name_end = strrchr(text, ')');
  return !name_end || !name_end[1] || strchr("ZX", name_end[2]);
}

static bool is_end(const siginfo_t *info) {
  return info->si_code == CLD_EXITED || info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED;
}

static struct {
  bool is_known;
  pid_t leader;
} among;

void wait_alone_but(pid_t leader) {
  among.is_known = true;
  among.leader = leader;
}

void wait_among_all(void) { among.is_known = false; }

// Until something of any tracee can be waited for: most times it is a stop of the one that is wanted. Then true.
// A thread that has died without having anything to tell yet is one of those whose others have.
static bool wait_for_stop(pid_t wanted) {
  const bool is_alone = among.is_known && wanted != among.leader;
  siginfo_t info = {0};
  if (waitid(is_alone ? P_PID : P_ALL, is_alone ? (id_t)wanted : 0, &info, ANY_CHANGE) == 0 && info.si_pid == wanted)
    return !is_end(&info);
  (void)nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
  return false;
}

// Takes a stop, and no end that may have come after it.
static bool take_stop(pid_t tid, int *ret_status) {
  siginfo_t info = {0};
  if (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WNOHANG | __WALL) < 0 || info.si_pid != tid)
    return false;
  *ret_status = info.si_status << 8 | STOPPED;
  return true;
}

enum thread_report thread_report(pid_t tid, int *ret_status) {
  siginfo_t info = {0};
  if (waitid(P_PID, (id_t)tid, &info, ANY_CHANGE | WNOHANG) < 0)
    return errno == ECHILD ? REPORT_STRANGER : REPORT_NOTHING;
  if (info.si_pid != tid)
    return REPORT_NOTHING;
  if (is_end(&info))
    return REPORT_END;
  return take_stop(tid, ret_status) ? REPORT_STOP : REPORT_NOTHING;
}

// A wait for ends alone would take the stops of tracees too.
bool thread_take_end(pid_t tid, int *ret_status) {
  siginfo_t info = {0};
  return waitid(P_PID, (id_t)tid, &info, ANY_CHANGE | WNOHANG) == 0 && info.si_pid == tid && is_end(&info) &&
         waitpid(tid, ret_status, __WALL | WNOHANG) == tid;
}

pid_t wait_for_report(pid_t of) {
  siginfo_t info = {0};
  return waitid(of ? P_PID : P_ALL, (id_t)of, &info, ANY_CHANGE) < 0 ? 0 : info.si_pid;
}

// ---- a waiter of ours ----

static struct {
  pid_t waiter;
  const pid_t *process;
  size_t count;
} guard;

void wait_guard(pid_t waiter, const pid_t *process, size_t count) {
  guard.waiter = waiter;
  guard.process = process;
  guard.count = count;
}

static bool is_one_dead(void) {
  for (size_t i = 0; i < guard.count; i++)
    if (is_dead(guard.process[i]))
      return true;
  return false;
}

// True: it had come to a stop of its own by then, which is what the caller waits for. The one that we have asked for
// comes when the thread goes on, and is passed over.
static bool end_call(pid_t tid, int *ret_status) {
  struct registers r;
  if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0)
    return false;
  while (!take_stop(tid, ret_status)) {
    if (is_dead(tid))
      return false;  // its end is left to whoever reaps
    (void)sched_yield();
  }
  if (*ret_status >> 16 != PTRACE_EVENT_STOP)
    return true;
  if (ptrace(PTRACE_GETREGS, tid, 0, &r) == 0 && arch_end_wait(&r))
    (void)ptrace(PTRACE_SETREGS, tid, 0, &r);
  (void)ptrace(PTRACE_CONT, tid, 0, 0);
  return false;
}

// Looks often at first, then seldom; `*looked` counts. True: it has stopped.
static bool wait_guarded(unsigned *looked, int *ret_status) {
  enum { YIELDS = 1000, SLEEPS_PER_CHECK = 200 };
  if (++*looked < YIELDS) {
    (void)sched_yield();
    return false;
  }
  (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  return *looked % SLEEPS_PER_CHECK == 0 && is_one_dead() && end_call(guard.waiter, ret_status);
}

// 1, 0, or -errno.
static int has_ended(pid_t tid) {
  siginfo_t info = {0};
  if (waitid(P_PID, (id_t)tid, &info, ANY_CHANGE | WNOHANG) < 0 && errno != EINTR)
    return -errno;
  return info.si_pid == tid ? is_end(&info) : is_dead(tid);
}

int wait_for_thread(pid_t tid, bool takes_end, int *ret_status) {
  unsigned looked = 0;
  for (bool may_have_ended = false;;) {
    errno = 0;
    if (take_stop(tid, ret_status))
      return 0;
    // There is nobody who could stop: it is a zombie, or not our child.
    int ended = may_have_ended || errno == ECHILD ? has_ended(tid) : 0;
    if (ended < 0)
      return ended;
    if (ended) {
      if (!takes_end || waitpid(tid, ret_status, __WALL | WNOHANG) != tid)
        *ret_status = SIGKILL;
      return 0;
    }
    if (tid != guard.waiter)
      may_have_ended = !wait_for_stop(tid);
    else if (wait_guarded(&looked, ret_status))
      return 0;
    else
      may_have_ended = true;
  }
}
