// SPDX-License-Identifier: EPL-2.0
// Memory to be saved: so many MiB (the argument) of which each tick checks and changes a page.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "live.h"

enum { PAGE = 4096, WORDS = PAGE / 8 };

static void fill(uint64_t *page, uint64_t place, uint64_t time) {
  for (uint64_t i = 0; i < WORDS; i++)
    page[i] = live_stamp(place * WORDS + i, time);
}

// The page is as it was left: by the tick that page[0] was stamped in.
static void check(const uint64_t *page, uint64_t place, uint64_t time) {
  for (uint64_t i = 0; i < WORDS; i++)
    CHECK(page[i] == live_stamp(place * WORDS + i, time));
}

int main(int argc, char **argv) {
  uint64_t pages = (argc > 1 ? strtoul(argv[1], NULL, 10) : 4) << 8;
  uint64_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint64_t *times = calloc(pages, sizeof *times);
  CHECK(memory != MAP_FAILED && times);
  for (uint64_t i = 0; i < pages; i++)
    fill(memory + i * WORDS, i, 0);
  live_begin();
  do {
    uint64_t i = live_ticks() * 7919 % pages;
    check(memory + i * WORDS, i, times[i]);
    times[i] = live_ticks() + 1;
    fill(memory + i * WORDS, i, times[i]);
  } while (live_tick());
  for (uint64_t i = 0; i < pages; i++)
    check(memory + i * WORDS, i, times[i]);
  live_pass();
}
