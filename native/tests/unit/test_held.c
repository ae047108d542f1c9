// SPDX-License-Identifier: EPL-2.0
// A traced thread that is driven from outside is afterwards as it was before, with what waits for it.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/status.h"
#include "trace/executor.h"
#include "unit.h"

static pid_t child;

static int start_child(void **state) {
  (void)state;
  int status;
  child = fork();
  if (child == 0) {
    (void)ptrace(PTRACE_TRACEME, 0, 0, 0);
    (void)raise(SIGTRAP);
    for (;;)
      (void)pause();
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSTOPPED(status));
  assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
  return 0;
}

static int end_child(void **state) {
  (void)state;
  (void)kill(child, SIGKILL);
  return waitpid(child, NULL, 0) == child ? 0 : -1;
}

// What the debugger does that wants the thread to stand, and hears of another event of the thread first.
static void send_stop(void) { assert_int_equal(syscall(SYS_tgkill, child, child, SIGSTOP), 0); }

// As the debugger meets it: in the first stop after it lets the thread go on. Where none comes the alarm ends the test.
static int next_stop(void) {
  int status;
  (void)alarm(20);
  assert_int_equal(ptrace(PTRACE_CONT, child, 0, 0), 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  (void)alarm(0);
  assert_true(WIFSTOPPED(status));
  return WSTOPSIG(status);
}

static bool stop_is_pending(void) {
  struct process_status s;
  assert_int_equal(status_read_thread(child, child, &s), 0);
  return s.pending >> (SIGSTOP - 1) & 1;
}

static int64_t pid_there(struct executor *x) {
  struct error e = {0};
  return executor_call(x, &e, SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static struct executor *open_child(struct executor *share) {
  struct executor *x;
  struct error e = {0};
  assert_int_equal(executor_open(executor_self(), child, child, share, &x, &e), 0);
  return x;
}

static void close_child(struct executor *x) {
  struct error e = {0};
  assert_int_equal(executor_close(x, &e), 0);
}

static void keepsAStopThatTheDebuggerHasYetToMeet(void **state) {
  (void)state;
  send_stop();
  for (int i = 0; i < 2; i++) {
    struct executor *x = open_child(NULL);
    assert_int_equal(pid_there(x), child);
    assert_true(*executor_stop_pending(x));
    close_child(x);
    assert_true(stop_is_pending());
  }
  assert_int_equal(next_stop(), SIGSTOP);
  assert_false(stop_is_pending());
}

static void leavesNoStopWhereNoneWaited(void **state) {
  (void)state;
  struct executor *x = open_child(NULL);
  assert_int_equal(pid_there(x), child);
  assert_false(*executor_stop_pending(x));
  close_child(x);
  assert_false(stop_is_pending());
}

// One that shares an area runs its first batch at once: the stop that waits must not be taken for the end of it.
static void runsTheFirstBatchAlthoughAStopWaits(void **state) {
  (void)state;
  struct executor *x = open_child(NULL);
  send_stop();
  struct executor *second = open_child(x);
  assert_int_equal(pid_there(second), child);
  close_child(second);
  assert_true(stop_is_pending());
  assert_int_equal(pid_there(x), child);
  close_child(x);
  assert_true(stop_is_pending());
}

// Where nothing has been run ours and the debugger's are one.
static void keepsAStopWhereNothingWasRun(void **state) {
  (void)state;
  struct executor *x = open_child(NULL);
  send_stop();
  struct executor *second = open_child(x);
  close_child(second);
  assert_true(stop_is_pending());
  close_child(x);
  assert_int_equal(next_stop(), SIGSTOP);
  assert_false(stop_is_pending());
}

static void leavesAStopAsItIsTold(void **state) {
  (void)state;
  send_stop();
  struct executor *x = open_child(NULL);
  *executor_stop_pending(x) = false;
  close_child(x);
  assert_false(stop_is_pending());
  x = open_child(NULL);
  *executor_stop_pending(x) = true;
  close_child(x);
  assert_true(stop_is_pending());
}

#define HELD(name) cmocka_unit_test_setup_teardown(name, start_child, end_child)

int main(void) {
  const struct CMUnitTest tests[] = {
      HELD(keepsAStopThatTheDebuggerHasYetToMeet),
      HELD(leavesNoStopWhereNoneWaited),
      HELD(runsTheFirstBatchAlthoughAStopWaits),
      HELD(keepsAStopWhereNothingWasRun),
      HELD(leavesAStopAsItIsTold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
