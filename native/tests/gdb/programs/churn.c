// SPDX-License-Identifier: EPL-2.0
// Threads that come and go between the stops of a debugger, each checking its own count.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STEPS = 12, MAPPED = 1 << 20 };

volatile int counter;
static volatile int stop[2];
static volatile long count[2];
static __thread long mine;

__attribute__((noinline)) static void tick(int n) {
  (void)n;
  counter++;
}

static void *work(void *argument) {
  long i = (long)argument;
  while (!stop[i]) {
    usleep(1000);
    count[i]++;
    if (++mine != count[i])
      abort();
  }
  return (void *)mine;
}

static void join(pthread_t thread, int i) {
  void *result;
  stop[i] = 1;
  if (pthread_join(thread, &result) || (long)result != count[i])
    abort();
}

int main(void) {
  pthread_t first, second;
  char *mapping = NULL;
  for (int n = 0; n < STEPS; n++) {
    tick(n);
    usleep(2000);
    if (n == 3) {
      pthread_create(&first, NULL, work, (void *)0L);
      mapping = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset(mapping, 1, MAPPED);
    }
    if (n == 4)
      pthread_create(&second, NULL, work, (void *)1L);
    if (n == 5 && mapping[12345] != 1)
      abort();
    if (n == 6) {
      join(first, 0);
      munmap(mapping, MAPPED);
    }
    if (n == 9)
      join(second, 1);
  }
  printf("churned %d\n", counter);
  return counter == STEPS && count[0] && count[1] ? 7 : 8;
}
