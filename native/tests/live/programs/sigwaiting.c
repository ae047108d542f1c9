// SPDX-License-Identifier: EPL-2.0
// Threads that wait for signals: sigtimedwait that runs out, sigwaitinfo, sigsuspend and pause until the very end.
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static volatile bool ending;
static volatile unsigned handled;
static volatile uint64_t lapses;

static void handler(int number) {
  (void)number;
  handled++;
}

static sigset_t only(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  return set;
}

static void *time_out(void *argument) {
  (void)argument;
  sigset_t set = only(SIGUSR2);
  while (!ending) {
    struct timespec t = {0, 1000000 + live_random(8000000)};
    siginfo_t info;
    CHECK(sigtimedwait(&set, &info, &t) == -1 && errno == EAGAIN);
    lapses++;
  }
  return NULL;
}
static void *wait_info(void *argument) {
  (void)argument;
  sigset_t set = only(SIGRTMIN + 1);
  siginfo_t info;
  CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 1 && info.si_value.sival_int == 4711);
  CHECK(ending);
  return NULL;
}
static void *suspend(void *argument) {
  (void)argument;
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, SIGUSR1);
  CHECK(sigsuspend(&all) == -1 && errno == EINTR);
  CHECK(ending && handled >= 1);
  sigset_t now;
  CHECK(pthread_sigmask(SIG_SETMASK, NULL, &now) == 0);
  CHECK(sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGHUP) == 0);
  return NULL;
}
static void *pausing(void *argument) {
  (void)argument;
  sigset_t set = only(SIGUSR1);
  CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
  CHECK(pause() == -1 && errno == EINTR);
  CHECK(ending && handled >= 1);
  return NULL;
}

int main(void) {
  live_begin();
  struct sigaction action = {.sa_handler = handler};
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigaddset(&blocked, SIGUSR2);
  sigaddset(&blocked, SIGRTMIN + 1);
  CHECK(pthread_sigmask(SIG_SETMASK, &blocked, NULL) == 0);
  void *(*const work[])(void *) = {time_out, wait_info, suspend, pausing};
  pthread_t threads[4];
  for (unsigned i = 0; i < 4; i++)
    CHECK(pthread_create(&threads[i], NULL, work[i], NULL) == 0);
  do
    CHECK(handled == 0);
  while (live_tick() || live_ticks() < 20);
  ending = true;
  CHECK(pthread_sigqueue(threads[1], SIGRTMIN + 1, (union sigval){.sival_int = 4711}) == 0);
  CHECK(pthread_kill(threads[2], SIGUSR1) == 0);
  CHECK(pthread_kill(threads[3], SIGUSR1) == 0);
  for (unsigned i = 0; i < 4; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  live_pass();
}
