// SPDX-License-Identifier: EPL-2.0
// poll, ppoll, select, pselect, epoll_wait and epoll_pwait: with time limits, and for ever until something comes.
#include "live.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <unistd.h>

enum { WAYS = 6 };

static volatile bool ending;
static int never[2];    // a pipe that nobody writes to
static int bell[WAYS];  // eventfds that the main thread rings
static volatile uint64_t rung[WAYS], heard[WAYS], lapsed[WAYS];
static int never_set, bell_set[2];

// Each way waits until `fd` is readable or the time is over; -1: without limit. Returns how many are ready.
static int way_poll(int fd, int ms, unsigned i) {
  (void)i;
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, ms);
}
static int way_ppoll(int fd, int ms, unsigned i) {
  (void)i;
  sigset_t mask;
  sigfillset(&mask);
  sigdelset(&mask, SIGUSR1);
  struct pollfd p = {.fd = fd, .events = POLLIN};
  struct timespec t = {0, ms * 1000000};
  int n = ppoll(&p, 1, ms < 0 ? NULL : &t, &mask);
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, NULL, &now);
  CHECK(sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGUSR2) == 0);
  return n;
}
static int way_select(int fd, int ms, unsigned i) {
  (void)i;
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  struct timeval t = {0, ms * 1000};
  return select(fd + 1, &set, NULL, NULL, ms < 0 ? NULL : &t);
}
static int way_pselect(int fd, int ms, unsigned i) {
  (void)i;
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  sigset_t mask;
  sigemptyset(&mask);
  struct timespec t = {0, ms * 1000000};
  return pselect(fd + 1, &set, NULL, NULL, ms < 0 ? NULL : &t, &mask);
}
static int way_epoll(int fd, int ms, unsigned i) {
  struct epoll_event event;
  return epoll_wait(fd == never[0] ? never_set : bell_set[i - 4], &event, 1, ms);
}
static int way_epoll_pwait(int fd, int ms, unsigned i) {
  struct epoll_event event;
  sigset_t mask;
  sigemptyset(&mask);
  return epoll_pwait(fd == never[0] ? never_set : bell_set[i - 4], &event, 1, ms, &mask);
}
static int (*const ways[WAYS])(int, int, unsigned) = {way_poll,    way_ppoll, way_select,
                                                      way_pselect, way_epoll, way_epoll_pwait};

static void *lapse(void *argument) {
  unsigned i = (unsigned)(uintptr_t)argument;
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  while (!ending) {
    CHECK(ways[i](never[0], 1 + (int)live_random(10), i) == 0);
    lapsed[i]++;
  }
  return NULL;
}

static void *hear(void *argument) {
  unsigned i = (unsigned)(uintptr_t)argument;
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  while (!ending) {
    CHECK(ways[i](bell[i], -1, i) == 1);
    uint64_t count;
    CHECK(read(bell[i], &count, sizeof count) == sizeof count && count == 1);
    heard[i]++;
  }
  return NULL;
}

static int set_of(int fd) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
  return set;
}

static void ring(unsigned i) {
  uint64_t one = 1;
  if (rung[i] != heard[i])
    return;
  rung[i]++;
  CHECK(write(bell[i], &one, sizeof one) == sizeof one);
}

int main(void) {
  live_begin();
  CHECK(pipe(never) == 0);
  for (unsigned i = 0; i < WAYS; i++)
    CHECK((bell[i] = eventfd(0, EFD_CLOEXEC)) >= 0);
  never_set = set_of(never[0]);
  bell_set[0] = set_of(bell[4]);
  bell_set[1] = set_of(bell[5]);
  pthread_t threads[2 * WAYS];
  for (unsigned i = 0; i < 2 * WAYS; i++)
    CHECK(pthread_create(&threads[i], NULL, i < WAYS ? lapse : hear, (void *)(uintptr_t)(i % WAYS)) == 0);
  do
    ring(live_random(WAYS));
  while (live_tick());
  ending = true;
  for (unsigned i = 0; i < WAYS; i++)
    ring(i);
  for (unsigned i = 0; i < 2 * WAYS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  for (unsigned i = 0; i < WAYS; i++)
    CHECK(rung[i] == heard[i]);
  live_pass();
}
