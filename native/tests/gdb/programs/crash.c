// SPDX-License-Identifier: EPL-2.0
// A program that ends badly: by a null pointer (crash null), or after it has caught a signal of its own (crash usr1).
#include <signal.h>
#include <stdio.h>
#include <string.h>

volatile int caught, step;

static void on_signal(int number) { caught = number; }

__attribute__((noinline)) static void before(void) { step++; }
__attribute__((noinline)) static int use(volatile int *p) { return *p; }

int main(int argc, char **argv) {
  signal(SIGUSR1, on_signal);
  before();
  if (argc > 1 && strcmp(argv[1], "usr1") == 0) {
    raise(SIGUSR1);
    before();
    printf("caught %d\n", caught);
    return caught == SIGUSR1 ? 7 : 8;
  }
  return use(NULL);
}
