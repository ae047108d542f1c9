// SPDX-License-Identifier: EPL-2.0
// How a process stands with others: its group and session, its stops, and what it has asked for about parent and
// descendants.
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/state.h"
#include "trace/wait.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

int relatives_put_back(const struct process_state *s, struct executor *main, struct error *e) {
  struct batch *b = batch_new();
  (void)CALL(b, SYS_prctl, NUMBER(PR_SET_CHILD_SUBREAPER), NUMBER(s->relatives.subreaper));
  (void)CALL(b, SYS_prctl, NUMBER(PR_SET_PDEATHSIG), NUMBER(s->relatives.parent_death_signal));
  int r = executor_run(main, b, e);
  batch_free(b);
  return r;
}

int64_t relatives_take_place(struct executor *x, pid_t group, pid_t session, struct error *e) {
  pid_t pid = executor_pid(x);
  if (session == pid && getsid(pid) != pid)
    return executor_call(x, e, SYS_setsid, 0, 0, 0, 0, 0, 0);
  if (session == pid || group <= 0 || getpgid(pid) == group)
    return 0;
  return executor_call(x, e, SYS_setpgid, 0, group == pid ? 0 : (uint64_t)group, 0, 0, 0, 0);
}

int relatives_stop(pid_t pid, struct error *e) {
  int status = 0;
  if (ptrace(PTRACE_CONT, pid, 0, SIGSTOP) == 0 && wait_for_thread(pid, false, &status) == 0 && WIFSTOPPED(status) &&
      status >> 16 == PTRACE_EVENT_STOP)
    return 0;
  return error_set(e, ERROR_FAILED, "process %d, which was stopped at the snapshot, cannot be stopped again", pid);
}

void relatives_take_news(struct executor *parent, pid_t pid, bool stopped, struct error *e) {
  uint64_t what = WNOHANG | (stopped ? WUNTRACED : WCONTINUED);
  (void)executor_call(parent, e, SYS_wait4, (uint64_t)pid, 0, what, 0, 0, 0);
}

int relatives_drop_signal(const struct process_state *parent, struct executor *x, struct error *e) {
  static const uint64_t set = 1ULL << (SIGCHLD - 1);
  static const struct timespec at_once;
  if (parent->pending.kept || (pending_set(&parent->pending) & set))
    return 0;
  struct batch *b = batch_new();
  size_t signals = batch_data(b, &set, sizeof set), time = batch_data(b, &at_once, sizeof at_once);
  (void)CALL(b, SYS_rt_sigtimedwait, POINTER(signals), NUMBER(0), POINTER(time), NUMBER(sizeof set));
  int r = executor_run(x, b, e);
  batch_free(b);
  return r;
}
