// SPDX-License-Identifier: EPL-2.0
// Private memory in small or huge pages, or as it comes ("dense": without a gap): every page knows how often it was
// written, and so does a second list.
#include "live.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, HUGE = 2 << 20, WORDS = PAGE / 8 };

static uint64_t *memory;      // page i begins and ends with live_stamp(i, generation[i])
static uint32_t *generation;  // how often each page was written
static size_t pages;
static uint64_t total;

static void check_page(size_t i) {
  const uint64_t *page = memory + i * WORDS;
  uint64_t expected = generation[i] ? live_stamp(i, generation[i]) : 0;
  CHECK(page[0] == expected);
  CHECK(page[WORDS - 1] == expected);
}

static void write_page(size_t i) {
  uint64_t *page = memory + i * WORDS;
  generation[i]++;
  total++;
  page[0] = page[WORDS - 1] = live_stamp(i, generation[i]);
}

static void check_all(void) {
  uint64_t sum = 0;
  for (size_t i = 0; i < pages; i++) {
    check_page(i);
    sum += generation[i];
  }
  CHECK(sum == total);
}

static void map_memory(size_t bytes, bool dense, bool huge) {
  char *at = mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(at != MAP_FAILED);
  at = (char *)(((uintptr_t)at + HUGE - 1) & ~((uintptr_t)HUGE - 1));
  CHECK(dense || madvise(at, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0);
  memory = (uint64_t *)at;
}

int main(int argc, char **argv) {
  live_begin();
  size_t mib = argc > 1 ? (size_t)atoi(argv[1]) : 16;
  const char *kind = argc > 2 ? argv[2] : "small";
  bool dense = strcmp(kind, "dense") == 0;
  map_memory(mib << 20, dense, strcmp(kind, "huge") == 0);
  pages = (mib << 20) / PAGE;
  generation = calloc(pages, sizeof *generation);
  for (size_t i = 0; i < pages; i += dense ? 1 : 1 + i % 3)
    write_page(i);
  do {
    for (unsigned i = live_random(60); i; i--) {
      check_page(live_random((unsigned)pages));
      write_page(live_random((unsigned)pages));
    }
    if (pages <= 4096 && live_ticks() % 32 == 0)
      check_all();
  } while (live_tick());
  check_all();
  live_pass();
}
