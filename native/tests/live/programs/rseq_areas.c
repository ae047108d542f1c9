// SPDX-License-Identifier: EPL-2.0
// Areas of restartable sequences in memory that comes and goes: the kernel writes to the one that is registered, and
// ends the program when it cannot.
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 32, UNREGISTER = 1 };

static struct rseq *own_area(void) { return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset); }

static void enter(struct rseq *r) {
  r->cpu_id = (uint32_t)RSEQ_CPU_ID_UNINITIALIZED;
  CHECK(syscall(SYS_rseq, r, SIZE, 0, RSEQ_SIG) == 0);
  CHECK(r->cpu_id != (uint32_t)RSEQ_CPU_ID_UNINITIALIZED);
}

static void leave(struct rseq *r) { CHECK(syscall(SYS_rseq, r, SIZE, UNREGISTER, RSEQ_SIG) == 0); }

// Elsewhere for a while, and back in the C library's area.
static void wander(void) {
  leave(own_area());
  struct rseq *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  usleep(live_random(500));
  enter(page);
  for (unsigned i = live_random(4); i > 0; i--)
    usleep(live_random(500));
  CHECK(syscall(SYS_rseq, page, SIZE, 0, RSEQ_SIG) == -1 && errno == EBUSY);
  leave(page);
  CHECK(munmap(page, PAGE) == 0);
  enter(own_area());
}

static void *work(void *argument) {
  for (;;)
    wander();
  return argument;
}

int main(void) {
  pthread_t thread;
  live_begin();
  bool has_areas = __rseq_size != 0;
  if (has_areas)
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
  do {
    if (has_areas)
      wander();
  } while (live_tick());
  live_pass();
}
