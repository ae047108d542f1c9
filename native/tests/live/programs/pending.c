// SPDX-License-Identifier: EPL-2.0
// Signals that wait, blocked, in the process and in two threads: sent with values, taken one by one in their order.
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 12, PLACES = 3 };

static const int numbers[] = {SIGUSR1, SIGTERM, SIGCHLD, 35, 40, 64};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

// What waits in the process (0), in the main thread (1), in the other one (2), by signal. Of the first 32 one alone
// waits.
static struct {
  unsigned count;
  int value[MOST];
} waiting[PLACES][NUMBERS];

static pthread_t other;
static pthread_barrier_t begins, ends;
static volatile int asks, answer;  // the other thread takes a signal of this number
static siginfo_t taken;

static sigset_t only(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  return set;
}

static int take(int number, siginfo_t *info) {
  sigset_t set = only(number);
  struct timespec at_once = {0};
  return sigtimedwait(&set, info, &at_once);
}

static void *run(void *argument) {
  (void)argument;
  for (;;) {
    pthread_barrier_wait(&begins);
    if (!asks)
      return NULL;
    answer = take(asks, &taken);
    pthread_barrier_wait(&ends);
  }
}

static int take_elsewhere(int number, siginfo_t *info) {
  asks = number;
  pthread_barrier_wait(&begins);
  pthread_barrier_wait(&ends);
  *info = taken;
  return answer;
}

static void send(unsigned place, unsigned i) {
  union sigval value = {.sival_int = (int)live_random(1000000)};
  unsigned *count = &waiting[place][i].count;
  if (*count == MOST)
    return;
  if (place == 0)
    CHECK(sigqueue(getpid(), numbers[i], value) == 0);
  else
    CHECK(pthread_sigqueue(place == 1 ? pthread_self() : other, numbers[i], value) == 0);
  if (numbers[i] < 32 && *count)
    return;
  waiting[place][i].value[(*count)++] = value.sival_int;
}

// A thread takes its own first, then those of the process.
static void receive(unsigned place, unsigned i) {
  siginfo_t info;
  place = place ? place : 1;
  unsigned from = waiting[place][i].count ? place : 0;
  int number = place == 2 ? take_elsewhere(numbers[i], &info) : take(numbers[i], &info);
  unsigned *count = &waiting[from][i].count;
  if (*count == 0) {
    CHECK(number == -1);
    return;
  }
  CHECK(number == numbers[i]);
  CHECK(info.si_code == SI_QUEUE && info.si_pid == getpid() && info.si_value.sival_int == waiting[from][i].value[0]);
  (*count)--;
  for (unsigned k = 0; k < *count; k++)
    waiting[from][i].value[k] = waiting[from][i].value[k + 1];
}

int main(void) {
  live_begin();
  sigset_t all;
  sigfillset(&all);
  CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
  CHECK(pthread_barrier_init(&begins, NULL, 2) == 0 && pthread_barrier_init(&ends, NULL, 2) == 0);
  CHECK(pthread_create(&other, NULL, run, NULL) == 0);
  do {
    for (unsigned k = 1 + live_random(6); k; k--)
      (live_random(2) ? send : receive)(live_random(PLACES), live_random(NUMBERS));
  } while (live_tick());
  for (unsigned place = PLACES; place-- > 0;)
    for (unsigned i = 0; i < NUMBERS; i++)
      for (unsigned k = 0; k <= MOST; k++)
        receive(place, i);
  asks = 0;
  pthread_barrier_wait(&begins);
  CHECK(pthread_join(other, NULL) == 0);
  live_pass();
}
