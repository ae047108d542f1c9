// SPDX-License-Identifier: EPL-2.0
// A program that becomes another one by exec all the time, from its main thread and from others, while threads are
// made and end: an exec waits for the ends of all other threads, and one of another thread takes the main thread's
// number over.
#include "live.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAKERS = 3, SLEEPERS = 5, TICKS_MOST = 8 };

static char **self;
static volatile bool other_execs;

static void become_another(void) {
  char tick[32];
  snprintf(tick, sizeof tick, "%llu", (unsigned long long)live_ticks());
  execl("/proc/self/exe", self[0], tick, (char *)NULL);
  CHECK(!"exec works");
}

static void *end_at_once(void *argument) { return argument; }

static void *make_threads(void *argument) {
  pthread_t thread;
  for (;;) {
    if (pthread_create(&thread, NULL, end_at_once, argument) == 0)
      pthread_join(thread, NULL);
    usleep(live_random(200));
  }
  return NULL;
}

static void *sleep_on(void *argument) {
  for (;;)
    usleep(300);
  return argument;
}

static void *exec_when_told(void *argument) {
  while (!other_execs)
    usleep(50);
  become_another();
  return argument;
}

static void start(void *(*work)(void *), unsigned count) {
  pthread_t thread;
  for (unsigned i = 0; i < count; i++)
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
}

int main(int argc, char **argv) {
  self = argv;
  live_begin_at(argc > 1 ? strtoull(argv[1], NULL, 10) : 0);
  start(sleep_on, SLEEPERS);
  start(make_threads, MAKERS);
  start(exec_when_told, 1);
  for (unsigned left = 1 + live_random(TICKS_MOST); left; left--)
    if (!live_tick())
      live_pass();
  if (live_random(2) == 0)
    become_another();
  other_execs = true;
  for (;;)
    pause();
}
