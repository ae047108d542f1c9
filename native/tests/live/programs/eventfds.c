// SPDX-License-Identifier: EPL-2.0
// eventfds, counting and as semaphores: made, added to, read and closed.
#include "live.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SLOTS = 10 };

static struct slot {
  int fd;
  bool used, semaphore;
  uint64_t count;
} slots[SLOTS];

static void make(struct slot *s) {
  if (s->used)
    return;
  s->semaphore = live_random(2);
  s->count = live_random(100);
  s->fd = eventfd((unsigned)s->count, EFD_NONBLOCK | EFD_CLOEXEC | (s->semaphore ? EFD_SEMAPHORE : 0));
  CHECK(s->fd >= 0);
  s->used = true;
}

static void add(struct slot *s) {
  uint64_t more = live_random(4) ? live_random(1000) : (uint64_t)live_random(1000) << 40;
  if (!s->used)
    return;
  CHECK(write(s->fd, &more, sizeof more) == sizeof more);
  s->count += more;
}

static void take(struct slot *s) {
  uint64_t value = 0;
  if (!s->used)
    return;
  ssize_t n = read(s->fd, &value, sizeof value);
  if (s->count == 0) {
    CHECK(n == -1 && errno == EAGAIN);
    return;
  }
  CHECK(n == sizeof value);
  CHECK(value == (s->semaphore ? 1 : s->count));
  s->count -= value;
}

static void drop(struct slot *s) {
  if (!s->used || live_random(3))
    return;
  CHECK(close(s->fd) == 0);
  s->used = false;
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make, add, add, take, take, drop};
  live_begin();
  do {
    for (unsigned k = 1 + live_random(8); k; k--)
      changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
  } while (live_tick());
  live_pass();
}
