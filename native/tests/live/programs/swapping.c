// SPDX-License-Identifier: EPL-2.0
// Two mappings that change their places every 64 ticks, by mremap alone: nothing is written, and each has its content.
#include "live.h"

#include <string.h>
#include <sys/mman.h>

enum { SIZE = 16 * 4096, GAP = 4096, PERIOD = 64 };

static char *place[3];  // the third is free
static unsigned swaps;

static void check(const char *at, int content) {
  for (int i = 0; i < SIZE; i += 512)
    CHECK(at[i] == content);
}

static void move(char *from, char *to) { CHECK(mremap(from, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to); }

static void swap(void) {
  move(place[0], place[2]);
  move(place[1], place[0]);
  move(place[2], place[1]);
  swaps++;
}

int main(void) {
  live_begin();
  char *room = mmap(NULL, 3 * (SIZE + GAP), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(room != MAP_FAILED);
  for (int i = 0; i < 3; i++) {
    place[i] = room + (size_t)i * (SIZE + GAP);
    if (i < 2) {
      CHECK(mprotect(place[i], SIZE, PROT_READ | PROT_WRITE) == 0);
      memset(place[i], 'a' + i, SIZE);
    }
  }
  do {
    check(place[0], swaps % 2 ? 'b' : 'a');
    check(place[1], swaps % 2 ? 'a' : 'b');
    if (live_ticks() % PERIOD == PERIOD - 1)
      swap();
  } while (live_tick());
  live_pass();
}
