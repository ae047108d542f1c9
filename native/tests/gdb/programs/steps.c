// SPDX-License-Identifier: EPL-2.0
// Steps that a debugger looks at: counters, a watched variable, a thread-local one, optional threads.
//
// steps [THREADS]: ends with 7 when all counters are right, else with 8.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STEPS = 12, WATCHED_AT = 6, THREADS_MAX = 16 };

volatile int counter, sum, watched;
volatile long worked[THREADS_MAX];
static __thread int local = 100;
static int wake[2];

__attribute__((noinline)) static void note(int step) {
  counter++;
  sum += step;
  local++;
}

__attribute__((noinline)) static void later(int step) {
  if (step == WATCHED_AT)
    watched = 77;
}

static void *sleeper(void *argument) {
  volatile long *mine = argument;
  for (;;) {
    usleep(2000);
    ++*mine;
  }
  return NULL;
}

static void *reader(void *argument) {
  volatile long *mine = argument;
  for (char c; read(wake[0], &c, 1) == 1;)
    ++*mine;
  abort();
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 0;
  if (pipe(wake) || threads > THREADS_MAX)
    return 2;
  for (int i = 0; i < threads; i++) {
    pthread_t t;
    if (pthread_create(&t, NULL, i % 2 ? reader : sleeper, (void *)&worked[i]))
      return 2;
  }
  for (int step = 0; step < STEPS; step++) {
    note(step);
    later(step);
    if (threads) {
      usleep(3000);
      if (write(wake[1], "x", 1) != 1)
        return 2;
    }
  }
  printf("counter %d sum %d watched %d local %d\n", counter, sum, watched, local);
  return counter == STEPS && sum == 66 && watched == 77 && local == 112 ? 7 : 8;
}
