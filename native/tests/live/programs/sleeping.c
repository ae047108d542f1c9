// SPDX-License-Identifier: EPL-2.0
// Threads that sleep in every way: none wakes with an error, none too early.
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static volatile bool ending;
static volatile uint64_t laps[5];

static int64_t now(clockid_t clock) {
  struct timespec t;
  CHECK(clock_gettime(clock, &t) == 0);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static struct timespec spec(int64_t ns) { return (struct timespec){ns / 1000000000, ns % 1000000000}; }
static int64_t some_time(void) { return 100000 + (int64_t)live_random(live_random(20) ? 8000000 : 150000000); }

static void by_nanosleep(void) {
  int64_t length = some_time(), start = now(CLOCK_MONOTONIC);
  struct timespec t = spec(length), rest;
  CHECK(nanosleep(&t, &rest) == 0);
  CHECK(now(CLOCK_MONOTONIC) - start >= length);
}
static void by_clock(void) {
  int64_t length = some_time(), start = now(CLOCK_MONOTONIC);
  struct timespec t = spec(length), rest;
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &rest) == 0);
  CHECK(now(CLOCK_MONOTONIC) - start >= length);
}
static void until_monotonic(void) {
  int64_t end = now(CLOCK_MONOTONIC) + some_time();
  struct timespec t = spec(end);
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0);
  CHECK(now(CLOCK_MONOTONIC) >= end);
}
static void until_realtime(void) {
  int64_t end = now(CLOCK_REALTIME) + some_time();
  struct timespec t = spec(end);
  CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) == 0);
  CHECK(now(CLOCK_REALTIME) >= end);
}
static void by_usleep(void) {
  int64_t length = some_time(), start = now(CLOCK_BOOTTIME);
  CHECK(usleep((useconds_t)(length / 1000)) == 0);
  CHECK(now(CLOCK_BOOTTIME) - start >= length / 1000 * 1000);
}

static void (*const ways[5])(void) = {by_nanosleep, by_clock, until_monotonic, until_realtime, by_usleep};

static void *work(void *argument) {
  unsigned i = (unsigned)(uintptr_t)argument;
  uint64_t own = 0;
  while (!ending) {
    ways[i]();
    CHECK(own == laps[i]);
    own++;
    laps[i]++;
  }
  return NULL;
}

int main(void) {
  live_begin();
  pthread_t threads[5];
  for (unsigned i = 0; i < 5; i++)
    CHECK(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) == 0);
  while (live_tick())
    ;
  ending = true;
  for (unsigned i = 0; i < 5; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  live_pass();
}
