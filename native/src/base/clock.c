// SPDX-License-Identifier: EPL-2.0
// Time that only goes on.
#include "base/clock.h"

#include <time.h>

uint64_t now_us(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t now_ms(void) { return now_us() / 1000; }
