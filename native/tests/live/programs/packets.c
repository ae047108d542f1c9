// SPDX-License-Identifier: EPL-2.0
// Pipes in packet mode (O_DIRECT): each read gives one packet, as it was written. Ends are closed, the mode changes.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 4, ROOM = 10, MOST = 4096 };

static struct slot {
  int in, out;  // -1: closed
  uint64_t seed[ROOM];
  size_t size[ROOM];
  unsigned count;
} slots[SLOTS];

static void fill(unsigned char *to, size_t size, uint64_t seed) {
  for (size_t i = 0; i < size; i++)
    to[i] = (unsigned char)live_stamp(seed, i);
}

static void make(struct slot *s) {
  int ends[2];
  if (s->in >= 0)
    return;
  CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK | O_DIRECT) == 0);
  *s = (struct slot){.in = ends[0], .out = ends[1]};
}

static void drop(struct slot *s) {
  if (s->in < 0 || live_random(3))
    return;
  if (s->out >= 0)
    CHECK(close(s->out) == 0);
  s->out = -1;
  if (live_random(2)) {
    CHECK(close(s->in) == 0);
    s->in = -1;
  }
}

static void put(struct slot *s) {
  unsigned char bytes[MOST];
  if (s->out < 0 || s->count == ROOM)
    return;
  size_t size = 1 + live_random(live_random(3) ? 50 : MOST);
  uint64_t seed = live_stamp(live_random(1000000), live_ticks());
  fill(bytes, size, seed);
  CHECK(write(s->out, bytes, size) == (ssize_t)size);
  s->seed[s->count] = seed;
  s->size[s->count++] = size;
}

static void take(struct slot *s) {
  unsigned char got[2 * MOST], wanted[MOST];
  if (s->in < 0)
    return;
  ssize_t n = read(s->in, got, sizeof got);
  if (!s->count) {
    CHECK(s->out < 0 ? n == 0 : n < 0 && errno == EAGAIN);
    return;
  }
  CHECK(n == (ssize_t)s->size[0]);
  fill(wanted, s->size[0], s->seed[0]);
  CHECK(memcmp(got, wanted, s->size[0]) == 0);
  s->count--;
  memmove(s->seed, s->seed + 1, s->count * sizeof *s->seed);
  memmove(s->size, s->size + 1, s->count * sizeof *s->size);
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make, drop, put, put, put, take, take};
  live_begin();
  for (unsigned i = 0; i < SLOTS; i++)
    slots[i].in = slots[i].out = -1;
  do {
    changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
    for (unsigned i = 0; i < SLOTS; i++)
      CHECK(slots[i].out < 0 || (fcntl(slots[i].out, F_GETFL) & O_DIRECT));
  } while (live_tick());
  for (unsigned i = 0; i < SLOTS; i++)
    while (slots[i].in >= 0 && slots[i].count)
      take(&slots[i]);
  live_pass();
}
