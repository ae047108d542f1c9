// SPDX-License-Identifier: EPL-2.0
// Dispositions, masks and the alternate stack: changed at random, asked for again, and used.
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum { STACK = 65536, SIGNALS = 6 };

static const int numbers[SIGNALS] = {SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, 40, 64};
static struct sigaction expected[SIGNALS];
static sigset_t expected_mask;
static stack_t expected_stack;
static char stacks[2][STACK];
static volatile unsigned calls_a, calls_b, calls_seen;
static volatile bool was_on_stack;

// It stays for a while: snapshots and rewinds are to meet it on the alternate stack.
static void note(void) {
  char here;
  calls_seen++;
  (void)nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
  was_on_stack = &here >= (char *)expected_stack.ss_sp && &here < (char *)expected_stack.ss_sp + STACK;
}
static void handler_a(int number) {
  (void)number;
  calls_a++;
  note();
}
static void handler_b(int number, siginfo_t *info, void *context) {
  (void)context;
  CHECK(info->si_signo == number && info->si_code == SI_TKILL);
  calls_b++;
  note();
}

static struct sigaction any_action(void) {
  struct sigaction action = {.sa_flags = live_random(2) ? SA_ONSTACK : 0};
  sigemptyset(&action.sa_mask);
  for (unsigned i = 0; i < SIGNALS; i++)
    if (live_random(2))
      sigaddset(&action.sa_mask, numbers[i]);
  action.sa_flags |= (live_random(2) ? SA_RESTART : 0) | (live_random(2) ? SA_NODEFER : 0);
  switch (live_random(4)) {
  case 0:
    action.sa_handler = SIG_DFL;
    break;
  case 1:
    action.sa_handler = SIG_IGN;
    break;
  case 2:
    action.sa_handler = handler_a;
    break;
  default:
    action.sa_sigaction = handler_b;
    action.sa_flags |= SA_SIGINFO;
  }
  return action;
}

static void check_action(unsigned i) {
  struct sigaction now;
  enum { FLAGS = SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_SIGINFO };
  CHECK(sigaction(numbers[i], NULL, &now) == 0);
  CHECK(now.sa_handler == expected[i].sa_handler);
  CHECK((now.sa_flags & FLAGS) == (expected[i].sa_flags & FLAGS));
  for (unsigned k = 0; k < SIGNALS; k++)
    CHECK(sigismember(&now.sa_mask, numbers[k]) == sigismember(&expected[i].sa_mask, numbers[k]));
}

static void check_all(void) {
  sigset_t mask;
  stack_t stack;
  for (unsigned i = 0; i < SIGNALS; i++)
    check_action(i);
  CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0);
  for (int number = 1; number <= 64; number++)
    CHECK(sigismember(&mask, number) == sigismember(&expected_mask, number));
  CHECK(sigaltstack(NULL, &stack) == 0);
  CHECK(stack.ss_sp == expected_stack.ss_sp && stack.ss_size == expected_stack.ss_size);
}

// A signal to ourselves has been handled when raise() returns, unless it is blocked.
static void use(unsigned i) {
  if (expected[i].sa_handler == SIG_DFL || sigismember(&expected_mask, numbers[i]) == 1)
    return;
  unsigned before = calls_seen, a = calls_a, b = calls_b;
  CHECK(raise(numbers[i]) == 0);
  CHECK(calls_seen == before + (expected[i].sa_handler != SIG_IGN));
  CHECK(calls_a == a + (expected[i].sa_handler == handler_a));
  CHECK(calls_b == b + (expected[i].sa_sigaction == handler_b));
  if (calls_seen != before)
    CHECK(was_on_stack == !!(expected[i].sa_flags & SA_ONSTACK));
}

static void change(void) {
  unsigned i = live_random(SIGNALS);
  struct sigaction action = any_action();
  CHECK(sigaction(numbers[i], &action, NULL) == 0);
  expected[i] = action;
  i = live_random(SIGNALS);
  (live_random(2) ? sigaddset : sigdelset)(&expected_mask, numbers[i]);
  CHECK(sigprocmask(SIG_SETMASK, &expected_mask, NULL) == 0);
  if (live_random(3) == 0) {
    expected_stack.ss_sp = stacks[live_random(2)];
    CHECK(sigaltstack(&expected_stack, NULL) == 0);
  }
}

int main(void) {
  live_begin();
  expected_stack = (stack_t){.ss_sp = stacks[0], .ss_size = STACK};
  CHECK(sigaltstack(&expected_stack, NULL) == 0);
  sigemptyset(&expected_mask);
  CHECK(sigprocmask(SIG_SETMASK, &expected_mask, NULL) == 0);
  for (unsigned i = 0; i < SIGNALS; i++)
    CHECK(sigaction(numbers[i], NULL, &expected[i]) == 0);
  do {
    change();
    check_all();
    use(live_random(SIGNALS));
  } while (live_tick());
  live_pass();
}
