// SPDX-License-Identifier: EPL-2.0
// A program that runs until it is told to end: threads that count and check what they count, and a place to break at.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

volatile long counter, slow, fast, stop;
static __thread long mine;

__attribute__((noinline)) static void tick(long n) {
  (void)n;
  counter++;
}

static void check(volatile long *shared) {
  ++*shared;
  if (++mine != *shared)
    abort();
}

static void *sleepy(void *argument) {
  (void)argument;
  while (!stop) {
    usleep(900);
    check(&slow);
  }
  return NULL;
}

static void *hasty(void *argument) {
  (void)argument;
  while (!stop) {
    for (volatile int i = 0; i < 10000; i++)
      ;
    check(&fast);
  }
  return NULL;
}

int main(void) {
  pthread_t a, b;
  pthread_create(&a, NULL, sleepy, NULL);
  pthread_create(&b, NULL, hasty, NULL);
  while (!stop) {
    tick(counter);
    usleep(1000);
    if (++mine != counter)
      abort();
  }
  pthread_join(a, NULL);
  pthread_join(b, NULL);
  return 7;
}
