// SPDX-License-Identifier: EPL-2.0
// The rounding mode and the exception masks of both floating-point units, of two threads: each computes what its mode
// makes of it.
#include "live.h"

#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
static const int traps[] = {0, FE_OVERFLOW, FE_UNDERFLOW, FE_OVERFLOW | FE_UNDERFLOW};

struct state {
  unsigned mode, trap;
};

// What a third is when it is rounded so: the last digit tells, of the vector unit and of the old one.
static void check(const struct state *s) {
  volatile double one = 1, three = 3, minus = -1;
  volatile long double old_one = 1, old_three = 3, old_minus = -1;
  bool up = modes[s->mode] == FE_UPWARD, down = modes[s->mode] == FE_DOWNWARD;
  CHECK(fegetround() == modes[s->mode]);
  CHECK((fegetexcept() & (FE_OVERFLOW | FE_UNDERFLOW)) == traps[s->trap]);
  CHECK((one / three > 0x1.5555555555555p-2) == up);
  CHECK((minus / three < -0x1.5555555555555p-2) == down);
  // To the nearest is up here: the third of the longer format ends in a 10 with more behind it.
  bool nearest = modes[s->mode] == FE_TONEAREST;
  CHECK((old_one / old_three > 0x1.5555555555555554p-2L) == (up || nearest));
  CHECK((old_minus / old_three < -0x1.5555555555555554p-2L) == (down || nearest));
}

static void change(struct state *s) {
  if (live_random(3))
    return;
  s->mode = live_random(4);
  s->trap = live_random(4);
  CHECK(fedisableexcept(FE_ALL_EXCEPT) >= 0);
  CHECK(feenableexcept(traps[s->trap]) >= 0);
  CHECK(fesetround(modes[s->mode]) == 0);
}

static sem_t turn, done;
static bool ends;

static void wait_for(sem_t *s) {
  while (sem_wait(s) < 0)
    CHECK(errno == EINTR);
}

static void *second(void *unused) {
  struct state own = {0};
  (void)unused;
  for (; wait_for(&turn), !ends; sem_post(&done)) {
    check(&own);
    change(&own);
  }
  return NULL;
}

int main(void) {
  pthread_t thread;
  struct state own = {0};
  live_begin();
  CHECK(sem_init(&turn, 0, 0) == 0 && sem_init(&done, 0, 0) == 0);
  CHECK(pthread_create(&thread, NULL, second, NULL) == 0);
  do {
    CHECK(sem_post(&turn) == 0);
    wait_for(&done);
    check(&own);
    change(&own);
  } while (live_tick());
  ends = true;
  CHECK(sem_post(&turn) == 0 && pthread_join(thread, NULL) == 0);
  live_pass();
}
