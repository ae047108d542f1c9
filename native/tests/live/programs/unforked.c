// SPDX-License-Identifier: EPL-2.0
// Memory that children of the program do not get (MADV_DONTFORK): its content and the mark itself.
#include "live.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 64, AREAS = 3 };

static struct area {
  char *at;
  bool marked;
  uint64_t expected[PAGES];
} areas[AREAS];

// A hole on either side keeps the areas from being joined.
static void make(struct area *a) {
  a->at = mmap(NULL, (PAGES + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(a->at != MAP_FAILED);
  a->at += PAGE;
  CHECK(mprotect(a->at, PAGES * PAGE, PROT_READ | PROT_WRITE) == 0);
}

static bool is_marked(const struct area *a) {
  char line[512], start[32];
  bool found = false, marked = false;
  snprintf(start, sizeof start, "%lx-", (unsigned long)a->at);
  FILE *maps = fopen("/proc/self/smaps", "re");
  CHECK(maps);
  while (fgets(line, sizeof line, maps)) {
    if (strchr(line, '-') && strstr(line, " 00:00 "))
      found = strncmp(line, start, strlen(start)) == 0;
    else if (found && strncmp(line, "VmFlags:", 8) == 0)
      marked = strstr(line, " dc") != NULL;
  }
  CHECK(fclose(maps) == 0);
  return marked;
}

// A rewind into the middle of the list goes on at the same byte of another one: then it is read once more.
static void check_mark(const struct area *a) {
  enum { LOOKS = 3 };
  bool right = false;
  for (int i = 0; !right && i < LOOKS; i++)
    right = is_marked(a) == a->marked;
  CHECK(right);
}

static void check(const struct area *a) {
  for (unsigned i = 0; i < PAGES; i++)
    CHECK(*(volatile uint64_t *)(a->at + i * PAGE) == a->expected[i]);
}

static void play(struct area *a) {
  for (unsigned k = live_random(8); k; k--) {
    unsigned i = live_random(PAGES);
    a->expected[i] = live_stamp(i, live_ticks());
    *(volatile uint64_t *)(a->at + i * PAGE) = a->expected[i];
  }
  if (live_random(20) == 0) {
    a->marked = !a->marked;
    CHECK(madvise(a->at, PAGES * PAGE, a->marked ? MADV_DONTFORK : MADV_DOFORK) == 0);
  }
}

int main(void) {
  live_begin();
  for (unsigned i = 0; i < AREAS; i++)
    make(&areas[i]);
  do {
    for (unsigned i = 0; i < AREAS; i++) {
      play(&areas[i]);
      check(&areas[i]);
    }
    check_mark(&areas[live_random(AREAS)]);
  } while (live_tick());
  live_pass();
}
