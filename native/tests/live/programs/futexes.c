// SPDX-License-Identifier: EPL-2.0
// Threads that wait for each other: conditions, semaphores, barriers, read-write and priority-inheriting locks.
#include "live.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile bool ending;

// -- a queue of numbers, under a mutex and two conditions --
enum { QUEUE = 4 };
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static uint64_t queue[QUEUE], put, taken;

static void *produce(void *argument) {
  (void)argument;
  while (!ending) {
    CHECK(pthread_mutex_lock(&queue_lock) == 0);
    while (put - taken == QUEUE)
      CHECK(pthread_cond_wait(&not_full, &queue_lock) == 0);
    queue[put % QUEUE] = live_stamp(1, put);
    put++;
    CHECK(pthread_cond_signal(&not_empty) == 0);
    CHECK(pthread_mutex_unlock(&queue_lock) == 0);
    usleep(live_random(600));
  }
  return NULL;
}
static void *consume(void *argument) {
  (void)argument;
  while (!ending || put != taken) {
    CHECK(pthread_mutex_lock(&queue_lock) == 0);
    while (put == taken) {
      struct timespec t;
      clock_gettime(CLOCK_REALTIME, &t);
      t.tv_nsec += 3000000;
      t.tv_sec += t.tv_nsec / 1000000000;
      t.tv_nsec %= 1000000000;
      int result = pthread_cond_timedwait(&not_empty, &queue_lock, &t);
      CHECK(result == 0 || result == ETIMEDOUT);
      if (put == taken && ending)
        break;
    }
    if (put != taken) {
      CHECK(queue[taken % QUEUE] == live_stamp(1, taken));
      taken++;
    }
    CHECK(pthread_cond_signal(&not_full) == 0);
    CHECK(pthread_mutex_unlock(&queue_lock) == 0);
  }
  return NULL;
}

// -- ping and pong over two semaphores --
static sem_t ping, pong;
static uint64_t pings, pongs;

static void *answer(void *argument) {
  (void)argument;
  for (;;) {
    CHECK(sem_wait(&ping) == 0);
    CHECK(pings == pongs + 1);
    pongs++;
    CHECK(sem_post(&pong) == 0);
    if (ending)
      return NULL;
  }
}

// -- contended locks around pairs that must be equal --
static pthread_mutex_t inheriting;
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static volatile uint64_t left, right, first, second;

static void *contend(void *argument) {
  (void)argument;
  while (!ending) {
    CHECK(pthread_mutex_lock(&inheriting) == 0);
    CHECK(left == right);
    left++;
    usleep(live_random(200));
    right++;
    CHECK(pthread_mutex_unlock(&inheriting) == 0);
    CHECK(pthread_rwlock_rdlock(&shared) == 0);
    CHECK(first == second);
    usleep(live_random(200));
    CHECK(first == second);
    CHECK(pthread_rwlock_unlock(&shared) == 0);
    if (live_random(3))
      continue;
    CHECK(pthread_rwlock_wrlock(&shared) == 0);
    first++;
    second++;
    CHECK(pthread_rwlock_unlock(&shared) == 0);
  }
  return NULL;
}

// -- bare futexes: one with a timeout, one that is waited for to the end --
static uint32_t bell, last_bell;

static void *time_out(void *argument) {
  (void)argument;
  while (!ending) {
    struct timespec t = {0, 4000000};
    CHECK(syscall(SYS_futex, &bell, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0) == -1);
    CHECK(errno == ETIMEDOUT);
  }
  return NULL;
}
static void *wait_to_the_end(void *argument) {
  (void)argument;
  CHECK(syscall(SYS_futex, &last_bell, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 4) == 0 || errno == EAGAIN);
  CHECK(last_bell == 1);
  return NULL;
}

static void make_locks(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  CHECK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0);
  CHECK(pthread_mutex_init(&inheriting, &attributes) == 0);
  CHECK(sem_init(&ping, 0, 0) == 0 && sem_init(&pong, 0, 0) == 0);
}

static void play_ping(void) {
  pings++;
  CHECK(sem_post(&ping) == 0);
  CHECK(sem_wait(&pong) == 0);
  CHECK(pings == pongs);
}

int main(void) {
  live_begin();
  make_locks();
  void *(*const work[])(void *) = {produce, consume, answer, contend, contend, contend, time_out, wait_to_the_end};
  enum { THREADS = sizeof work / sizeof *work };
  pthread_t threads[THREADS];
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, work[i], NULL) == 0);
  do
    play_ping();
  while (live_tick());
  ending = true;
  play_ping();
  __atomic_store_n(&last_bell, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &last_bell, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 4);
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(put == taken && left == right && first == second);
  live_pass();
}
