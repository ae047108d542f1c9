// SPDX-License-Identifier: EPL-2.0
// Pipes made, filled, drained and closed: the content is right to the byte, and a closed end is a closed end.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SLOTS = 8, MOST = 60000 };

static struct slot {
  int in, out;  // the reading and the writing end; -1: closed
  bool used;
  uint64_t written, taken;
  uint64_t seed;
} slots[SLOTS];

static unsigned char byte_of(const struct slot *s, uint64_t i) { return (unsigned char)live_stamp(s->seed, i); }

static void check(const struct slot *s) {
  int waiting = 0;
  if (!s->used || s->in < 0)
    return;
  CHECK(ioctl(s->in, FIONREAD, &waiting) == 0);
  CHECK((uint64_t)waiting == s->written - s->taken);
  struct pollfd p = {.fd = s->in, .events = POLLIN};
  CHECK(poll(&p, 1, 0) == (waiting > 0 || s->out < 0));
  CHECK(!!(p.revents & POLLHUP) == (s->out < 0));
}

static void make(struct slot *s) {
  int ends[2];
  if (s->used)
    return;
  CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  *s = (struct slot){.in = ends[0], .out = ends[1], .used = true, .seed = live_stamp(live_random(1000), live_ticks())};
  if (live_random(2))
    CHECK(fcntl(s->in, F_SETPIPE_SZ, 4096 << live_random(6)) > 0);
}

static void fill(struct slot *s) {
  static unsigned char bytes[MOST];
  if (!s->used || s->out < 0)
    return;
  size_t length = 1 + live_random(live_random(3) ? 300 : MOST);
  for (size_t i = 0; i < length; i++)
    bytes[i] = byte_of(s, s->written + i);
  ssize_t n = write(s->out, bytes, length);
  if (s->in < 0) {
    CHECK(n == -1 && errno == EPIPE);
    return;
  }
  CHECK(n > 0 || errno == EAGAIN);
  if (n > 0)
    s->written += (uint64_t)n;
}

static void drain(struct slot *s) {
  static unsigned char bytes[MOST];
  if (!s->used || s->in < 0)
    return;
  ssize_t n = read(s->in, bytes, 1 + live_random(MOST));
  if (s->written == s->taken) {
    CHECK(s->out < 0 ? n == 0 : n == -1 && errno == EAGAIN);
    return;
  }
  CHECK(n > 0 && (uint64_t)n <= s->written - s->taken);
  for (ssize_t i = 0; i < n; i++)
    CHECK(bytes[i] == byte_of(s, s->taken + (uint64_t)i));
  s->taken += (uint64_t)n;
}

static void forget_if_closed(struct slot *s) { s->used = s->in >= 0 || s->out >= 0; }

static void close_writer(struct slot *s) {
  if (!s->used || s->out < 0)
    return;
  CHECK(close(s->out) == 0);
  s->out = -1;
  forget_if_closed(s);
}

static void close_reader(struct slot *s) {
  if (!s->used || s->in < 0)
    return;
  CHECK(close(s->in) == 0);
  s->in = -1;
  forget_if_closed(s);
}

// A pipe that is read to its end the way a shell's substitution does it: by a read that blocks.
static void to_the_end(void) {
  int ends[2];
  char bytes[64];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  CHECK(write(ends[1], "some words", 10) == 10);
  CHECK(close(ends[1]) == 0);
  CHECK(read(ends[0], bytes, sizeof bytes) == 10 && memcmp(bytes, "some words", 10) == 0);
  CHECK(read(ends[0], bytes, sizeof bytes) == 0);
  CHECK(close(ends[0]) == 0);
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make, fill, fill, fill, drain, drain, close_writer, close_reader};
  live_begin();
  signal(SIGPIPE, SIG_IGN);
  do {
    for (unsigned k = 1 + live_random(6); k; k--)
      changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
    for (unsigned i = 0; i < SLOTS; i++)
      check(&slots[i]);
    to_the_end();
  } while (live_tick());
  live_pass();
}
