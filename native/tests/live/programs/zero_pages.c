// SPDX-License-Identifier: EPL-2.0
// Pages that read zero for three reasons (never touched, only read, given back by madvise), among written ones.
#include "live.h"

#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, HUGE = 2 << 20, REGION = 4 << 20, PAGES = REGION / PAGE };

static struct region {
  char *at;
  uint64_t expected[PAGES];
} small, huge;

static volatile uint64_t *word(const struct region *r, unsigned i) {
  return (volatile uint64_t *)(r->at + (size_t)i * PAGE);
}

static void make(struct region *r, int advice) {
  char *at = mmap(NULL, REGION + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(at != MAP_FAILED);
  r->at = (char *)(((uintptr_t)at + HUGE - 1) & ~((uintptr_t)HUGE - 1));
  CHECK(madvise(r->at, REGION, advice) == 0);
}

static void give_back(struct region *r, unsigned first, unsigned count) {
  if (first + count > PAGES)
    count = PAGES - first;
  CHECK(madvise(r->at + (size_t)first * PAGE, (size_t)count * PAGE, MADV_DONTNEED) == 0);
  memset(r->expected + first, 0, count * sizeof *r->expected);
}

static void play(struct region *r) {
  for (unsigned k = live_random(30); k; k--) {
    unsigned i = live_random(PAGES);
    CHECK(*word(r, i) == r->expected[i]);
    if (live_random(3) == 0) {
      r->expected[i] = live_stamp(i, live_ticks());
      *word(r, i) = r->expected[i];
    }
  }
  if (live_random(4) == 0)
    give_back(r, live_random(PAGES), 1 + live_random(64));
  if (live_random(40) == 0)
    give_back(r, 0, PAGES);
}

static void check_all(const struct region *r) {
  for (unsigned i = 0; i < PAGES; i++)
    CHECK(*word(r, i) == r->expected[i]);
}

int main(void) {
  live_begin();
  make(&small, MADV_NOHUGEPAGE);
  make(&huge, MADV_HUGEPAGE);
  do {
    play(&small);
    play(&huge);
    if (live_random(50) == 0)
      check_all(&small);
  } while (live_tick());
  check_all(&small);
  check_all(&huge);
  live_pass();
}
