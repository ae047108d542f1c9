// SPDX-License-Identifier: EPL-2.0
// Threads that come and go: each is joined with the right value, one that dies with a robust mutex is noticed.
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

enum { SLOTS = 10 };

static struct slot {
  pthread_t thread;
  bool used;
  uint64_t seed;
  volatile uint64_t steps, wanted;
} slots[SLOTS];
static pthread_mutex_t robust;
static sem_t detached_ended;
static volatile unsigned detached_started;
static unsigned detached_seen;
static _Thread_local uint64_t local_steps;

static void *work(void *argument) {
  struct slot *s = argument;
  uint64_t seed = s->seed;
  while (s->steps < s->wanted) {
    CHECK(local_steps == s->steps);
    usleep(live_random(800));
    local_steps++;
    s->steps++;
    CHECK(s->seed == seed);
  }
  return (void *)(uintptr_t)live_stamp(seed, local_steps);
}

static void *die_holding(void *argument) {
  (void)argument;
  CHECK(pthread_mutex_lock(&robust) == 0);
  usleep(live_random(500));
  return NULL;
}

static void *detached(void *argument) {
  (void)argument;
  usleep(live_random(2000));
  CHECK(sem_post(&detached_ended) == 0);
  return NULL;
}

static void start(struct slot *s) {
  *s = (struct slot){.used = true, .seed = live_stamp(live_ticks(), live_random(1000)), .wanted = live_random(20)};
  CHECK(pthread_create(&s->thread, NULL, work, s) == 0);
}

static void join(struct slot *s) {
  void *result;
  CHECK(pthread_join(s->thread, &result) == 0);
  CHECK(s->steps == s->wanted);
  CHECK((uintptr_t)result == (uintptr_t)live_stamp(s->seed, s->wanted));
  s->used = false;
}

static void bury(void) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, die_holding, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD);
  CHECK(pthread_mutex_consistent(&robust) == 0);
  CHECK(pthread_mutex_unlock(&robust) == 0);
}

static void start_detached(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  detached_started++;
  CHECK(pthread_create(&thread, &attributes, detached, NULL) == 0);
  pthread_attr_destroy(&attributes);
}

static void await_detached(void) {
  while (detached_seen < detached_started) {
    CHECK(sem_wait(&detached_ended) == 0);
    detached_seen++;
  }
}

int main(void) {
  live_begin();
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  CHECK(pthread_mutex_init(&robust, &attributes) == 0);
  CHECK(sem_init(&detached_ended, 0, 0) == 0);
  do {
    struct slot *s = &slots[live_random(SLOTS)];
    if (s->used)
      join(s);
    else
      start(s);
    if (live_random(6) == 0)
      bury();
    if (live_random(4) == 0)
      start_detached();
    if (detached_started - detached_seen > 6)
      await_detached();
  } while (live_tick());
  for (unsigned i = 0; i < SLOTS; i++)
    if (slots[i].used)
      join(&slots[i]);
  await_detached();
  live_pass();
}
