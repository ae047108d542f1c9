// SPDX-License-Identifier: EPL-2.0
// The program break, up and down: pages that come back read zero, pages that stayed keep their content.
#include "live.h"

#include <unistd.h>

enum { PAGE = 4096, MOST = 1024 };

static char *bottom;
static unsigned count;           // pages between bottom and the break
static uint64_t expected[MOST];  // what each begins with

static void set_count(unsigned pages) {
  CHECK(sbrk(0) == bottom + (size_t)count * PAGE);
  CHECK(brk(bottom + (size_t)pages * PAGE) == 0);
  for (unsigned i = count; i < pages; i++) {
    volatile uint64_t *page = (volatile uint64_t *)(bottom + (size_t)i * PAGE);
    CHECK(*page == 0);
    expected[i] = live_random(3) ? live_stamp(i, live_ticks()) : 0;
    if (expected[i])
      *page = expected[i];
  }
  count = pages;
}

static void check_all(void) {
  for (unsigned i = 0; i < count; i++)
    CHECK(*(volatile uint64_t *)(bottom + (size_t)i * PAGE) == expected[i]);
}

int main(void) {
  live_begin();
  bottom = (char *)(((uintptr_t)sbrk(0) + PAGE - 1) & ~((uintptr_t)PAGE - 1));
  CHECK(brk(bottom) == 0);
  do {
    set_count(live_random(MOST + 1));
    check_all();
  } while (live_tick());
  live_pass();
}
