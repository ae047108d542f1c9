// SPDX-License-Identifier: EPL-2.0
// A tracer that checks each stop of what it traces: calls in their order, with their arguments and results, each with
// its beginning and its end, none of them cut; signals once.
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CALLS_PER_TICK = 12, NAP_EACH = 4, BURN_EACH = 3, SIGNAL_EACH = 9 };

static struct common {
  volatile bool ends;
  volatile unsigned signals;
} * common;

static const char *way;  // how it traces: traceme, good, seize

static void on_signal(int signal) {
  (void)signal;
  common->signals++;
}

static void burn(void) {
  for (volatile int i = 0; i < 30000; i++)
    continue;
}

// ---- what is traced ----

static void be_traced(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  if (strcmp(way, "seize") != 0)
    CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
  (void)raise(SIGSTOP);
  for (unsigned long n = 0; !common->ends; n++) {
    (void)syscall(SYS_getppid, n, ~n);
    if (n % NAP_EACH == 0)
      (void)syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = 300000}, NULL);
    if (n % BURN_EACH == 0)
      burn();
  }
  (void)syscall(SYS_exit_group, 7);
}

// ---- the tracer ----

static pid_t child;
static int status;

// 0x80 marks the stop of a call, where that has been asked for.
static bool is_call(void) {
  if (strcmp(way, "traceme") != 0)
    return WSTOPSIG(status) == (SIGTRAP | 0x80);
  siginfo_t info;
  return WSTOPSIG(status) == SIGTRAP && ptrace(PTRACE_GETSIGINFO, child, 0, &info) == 0 && info.si_code == SIGTRAP;
}

static void go_on(int signal) {
  CHECK(ptrace(PTRACE_SYSCALL, child, 0, signal) == 0);
  CHECK(waitpid(child, &status, __WALL) == child);
}

static struct user_regs_struct registers(void) {
  struct user_regs_struct r;
  CHECK(ptrace(PTRACE_GETREGS, child, 0, &r) == 0);
  return r;
}

static unsigned sent, met;

// To the beginning of the next call; signals are delivered on the way, between calls or at their ends.
static struct user_regs_struct next_call(void) {
  go_on(0);
  while (WIFSTOPPED(status) && !is_call()) {
    CHECK(WSTOPSIG(status) == SIGUSR1 && status >> 16 == 0);
    siginfo_t info;
    CHECK(ptrace(PTRACE_GETSIGINFO, child, 0, &info) == 0 && info.si_code == SI_TKILL && info.si_pid == getpid());
    met++;
    go_on(SIGUSR1);
  }
  return WIFSTOPPED(status) ? registers() : (struct user_regs_struct){0};
}

static long end_of_call(void) {
  go_on(0);
  CHECK(WIFSTOPPED(status) && is_call());
  return (long)registers().rax;
}

static void start(void) {
  long options = strcmp(way, "traceme") == 0 ? 0 : PTRACE_O_TRACESYSGOOD;
  child = fork();
  CHECK(child >= 0);
  if (child == 0)
    be_traced();
  if (strcmp(way, "seize") == 0) {
    CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    CHECK(ptrace(PTRACE_SEIZE, child, 0, options) == 0);
    CHECK(kill(child, SIGCONT) == 0);
    do {
      CHECK(waitpid(child, &status, __WALL) == child && WIFSTOPPED(status));
      CHECK(WSTOPSIG(status) == SIGCONT || status >> 16 == PTRACE_EVENT_STOP);
      if (WSTOPSIG(status) != SIGCONT)
        CHECK(ptrace(PTRACE_SYSCALL, child, 0, 0) == 0);
    } while (WSTOPSIG(status) != SIGCONT);
    return;
  }
  CHECK(waitpid(child, &status, __WALL) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  CHECK(ptrace(PTRACE_SETOPTIONS, child, 0, options) == 0);
}

// Until the first numbered call; the signal handling of raise(3) comes before.
static unsigned long first_call(void) {
  for (;;) {
    struct user_regs_struct r = next_call();
    if (r.orig_rax == SYS_getppid)
      return r.rdi;
    (void)end_of_call();
  }
}

static void check_one(unsigned long n) {
  CHECK(end_of_call() == getpid());
  if (sent == met && live_random(SIGNAL_EACH) == 0) {
    CHECK(syscall(SYS_tgkill, child, child, SIGUSR1) == 0);
    sent++;
  }
  struct user_regs_struct r = next_call();
  for (; r.orig_rax == SYS_rt_sigreturn; r = next_call()) {
    (void)end_of_call();
    CHECK(common->signals == met);
  }
  if (n % NAP_EACH == 0) {
    CHECK(r.orig_rax == SYS_nanosleep);
    long result = end_of_call();
    CHECK(result == 0);
    r = next_call();
    for (; r.orig_rax == SYS_rt_sigreturn; r = next_call())
      (void)end_of_call();
  }
  if (WIFSTOPPED(status) && r.orig_rax != SYS_exit_group)
    CHECK(r.orig_rax == SYS_getppid && r.rdi == n + 1 && r.rsi == ~(n + 1));
}

int main(void) {
  way = getenv("LIVE_WAY") ? getenv("LIVE_WAY") : "good";
  live_begin();
  common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(common != MAP_FAILED);
  start();
  unsigned long n = first_call();
  CHECK(n == 0);
  do
    for (unsigned i = 0; i < CALLS_PER_TICK; i++)
      check_one(n++);
  while (live_tick());
  common->ends = true;
  while (WIFSTOPPED(status))
    go_on(is_call() || WSTOPSIG(status) != SIGUSR1 ? 0 : SIGUSR1);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  live_pass();
}
