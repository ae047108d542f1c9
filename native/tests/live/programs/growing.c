// SPDX-License-Identifier: EPL-2.0
// Stacks that the kernel lets grow: deeper with each tick, on the main stack and in a mapping made to grow downwards.
#include "live.h"

#include <alloca.h>
#include <string.h>
#include <sys/mman.h>

enum { FRAME = 16 * 1024, DEEPEST = 400, ROOM = 16 * 1024 * 1024, PAGE = 4096, PAGES = ROOM / PAGE / 2 };

static unsigned char *top;  // the end of the growing mapping

static void go_down(unsigned depth, uint64_t time) {
  volatile unsigned char *frame = alloca(FRAME);
  for (unsigned i = 0; i < FRAME; i += PAGE)
    *(volatile uint64_t *)(frame + i) = live_stamp(depth + i, time);
  if (depth > 0)
    go_down(depth - 1, time);
  else
    (void)live_tick();
  for (unsigned i = 0; i < FRAME; i += PAGE)
    CHECK(*(volatile uint64_t *)(frame + i) == live_stamp(depth + i, time));
}

static volatile uint64_t *page(unsigned number) { return (volatile uint64_t *)(top - (size_t)(number + 1) * PAGE); }

// The pages above the lowest one have what was written there; the next one is new.
static void grow(unsigned *count) {
  for (unsigned i = 0; i < *count; i++)
    CHECK(*page(i) == live_stamp(i, 0));
  for (unsigned end = *count + 20; *count < end && *count < PAGES; ++*count) {
    CHECK(*page(*count) == 0);
    *page(*count) = live_stamp(*count, 0);
  }
}

int main(void) {
  live_begin();
  unsigned char *room = mmap(NULL, ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(room != MAP_FAILED && munmap(room, ROOM) == 0);
  top = room + ROOM;
  CHECK(mmap(top - PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1,
             0) != MAP_FAILED);
  unsigned count = 0;
  do {
    uint64_t ticks = live_ticks();
    go_down(ticks < DEEPEST ? (unsigned)ticks : live_random(DEEPEST), ticks);
    grow(&count);
  } while (live_tick());
  live_pass();
}
