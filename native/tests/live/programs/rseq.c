// SPDX-License-Identifier: EPL-2.0
// Restartable sequences: each thread's area stays registered, and tells the processor it runs on.
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 3 };

static volatile bool ending;

static struct rseq *area(void) { return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset); }

static void check(void) {
  struct rseq *r = area();
  // A second registration of the same area is refused as busy only while the kernel still has the first.
  CHECK(syscall(SYS_rseq, r, 32, 0, RSEQ_SIG) == -1 && errno == EBUSY);
  for (unsigned tries = 0; tries < 1000; tries++) {
    unsigned before = *(volatile uint32_t *)&r->cpu_id;
    unsigned now = 0;
    CHECK(syscall(SYS_getcpu, &now, NULL, NULL) == 0);
    if (before == now && now == *(volatile uint32_t *)&r->cpu_id)
      return;
  }
  live_fail(__FILE__, __LINE__, "the kernel does not keep rseq's processor number");
}

static void *work(void *argument) {
  (void)argument;
  while (!ending) {
    check();
    usleep(live_random(1000));
  }
  return NULL;
}

int main(void) {
  live_begin();
  if (__rseq_size == 0) {
    while (live_tick())
      ;
    live_pass();
  }
  pthread_t threads[THREADS], brief;
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
  do {
    check();
    if (live_random(5) == 0) {
      ending = true;
      CHECK(pthread_create(&brief, NULL, work, NULL) == 0);
      CHECK(pthread_join(brief, NULL) == 0);
      for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
      ending = false;
      for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
    }
  } while (live_tick());
  ending = true;
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  live_pass();
}
