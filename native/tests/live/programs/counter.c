// SPDX-License-Identifier: EPL-2.0
// The smallest program: one thread that counts and sleeps.
#include "live.h"

static volatile uint64_t count, mirror;

int main(void) {
  live_begin();
  do {
    CHECK(count == mirror);
    count++;
    mirror++;
  } while (live_tick());
  live_pass();
}
