// SPDX-License-Identifier: EPL-2.0
// malloc, realloc and free in sizes from a byte to a megabyte: every block keeps what was written into it.
#include "live.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 200 };

static struct block {
  unsigned char *bytes;
  size_t size;
  uint64_t sequence;
} blocks[SLOTS];
static uint64_t sequence;

static unsigned char byte_of(const struct block *b, size_t i) { return (unsigned char)live_stamp(i, b->sequence); }

// The ends and a few bytes in between.
static void check(const struct block *b) {
  for (size_t i = 0; i < b->size; i += 1 + b->size / 16)
    CHECK(b->bytes[i] == byte_of(b, i));
  CHECK(b->bytes[b->size - 1] == byte_of(b, b->size - 1));
}

static void fill(struct block *b) {
  b->sequence = ++sequence;
  for (size_t i = 0; i < b->size; i += 1 + b->size / 16)
    b->bytes[i] = byte_of(b, i);
  b->bytes[b->size - 1] = byte_of(b, b->size - 1);
}

static size_t any_size(void) {
  static const unsigned limits[] = {64, 64, 2000, 2000, 30000, 200000, 1000000};
  return 1 + live_random(limits[live_random(sizeof limits / sizeof *limits)]);
}

static void change(struct block *b) {
  if (b->bytes)
    check(b);
  if (b->bytes && live_random(2)) {
    free(b->bytes);
    b->bytes = NULL;
    return;
  }
  b->size = any_size();
  b->bytes = realloc(b->bytes, b->size);
  CHECK(b->bytes);
  fill(b);
}

int main(void) {
  live_begin();
  mallopt(M_TRIM_THRESHOLD, 65536);
  do {
    for (unsigned i = live_random(20); i; i--)
      change(&blocks[live_random(SLOTS)]);
    if (live_random(10) == 0)
      malloc_trim(0);
  } while (live_tick());
  for (unsigned i = 0; i < SLOTS; i++)
    if (blocks[i].bytes)
      check(&blocks[i]);
  live_pass();
}
