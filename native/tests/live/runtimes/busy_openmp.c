// SPDX-License-Identifier: EPL-2.0
// A parallel sum, again and again, by OpenMP's threads: always the same, or it is not PASS.
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LENGTH = 200000 };

static long numbers[LENGTH];

static long sum_of(long factor) {
  long sum = 0;
#pragma omp parallel for reduction(+ : sum) schedule(dynamic, 1000)
  for (int i = 0; i < LENGTH; i++)
    sum += numbers[i] * factor;
  return sum;
}

int main(void) {
  FILE *journal = fopen(getenv("LIVE_JOURNAL"), "a");
  if (!journal)
    return 1;
  omp_set_num_threads(4);
#pragma omp parallel for
  for (int i = 0; i < LENGTH; i++)
    numbers[i] = i;
  long once = (long)LENGTH * (LENGTH - 1) / 2;
  for (long step = 1; step <= 20 || access(getenv("LIVE_STOP"), F_OK) < 0; step++) {
    if (sum_of(step % 7) != once * (step % 7)) {
      printf("FAILED: step %ld\n", step);
      return 1;
    }
    fprintf(journal, "tick %ld\n", step);
    fflush(journal);
    usleep(1000);
  }
  puts("PASS");
  return 0;
}
