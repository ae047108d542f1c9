// SPDX-License-Identifier: EPL-2.0
// timerfds: far and near, once and again and again, read late, waited for through an epoll set, made and closed.
#include "live.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 8, SECOND_NS = 1000000000, MILLISECOND_NS = 1000000, PATIENCE_MS = 20000 };

// Far: it has to be there for ever with what was set. Near: it has to run out. Off: it never does.
enum mode { UNUSED, OFF, FAR, NEAR, RAN_OUT };
static struct slot {
  int fd;
  enum mode mode;
  int clock;
  bool repeats;
} slots[SLOTS];
static int set;

static void make(struct slot *s) {
  static const int clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
  if (s->mode != UNUSED)
    return;
  s->clock = clocks[live_random(3)];
  s->fd = timerfd_create(s->clock, TFD_NONBLOCK | TFD_CLOEXEC);
  CHECK(s->fd >= 0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, s->fd, &event) == 0);
  s->mode = OFF;
}

static void start(struct slot *s, enum mode mode, struct timespec value) {
  s->repeats = live_random(2);
  struct itimerspec t = {.it_value = value};
  if (s->repeats)
    t.it_interval = mode == FAR ? (struct timespec){.tv_sec = 50} : (struct timespec){.tv_nsec = 3 * MILLISECOND_NS};
  CHECK(timerfd_settime(s->fd, 0, &t, NULL) == 0);
  s->mode = mode;
}
static void start_far(struct slot *s) {
  if (s->mode != UNUSED)
    start(s, FAR, (struct timespec){.tv_sec = 1000});
}
static void start_near(struct slot *s) {
  if (s->mode != UNUSED)
    start(s, NEAR, (struct timespec){.tv_nsec = 1 + live_random(8 * MILLISECOND_NS)});
}
static void stop(struct slot *s) {
  struct itimerspec off = {0};
  if (s->mode == UNUSED)
    return;
  CHECK(timerfd_settime(s->fd, 0, &off, NULL) == 0);
  s->mode = OFF;
}

// Waits through poll(2) until it has run out, reads, and looks whether it is to run out again.
static void await(struct slot *s) {
  uint64_t count = 0;
  struct pollfd p = {.fd = s->fd, .events = POLLIN};
  if (s->mode != NEAR)
    return;
  CHECK(poll(&p, 1, PATIENCE_MS) == 1);
  CHECK(read(s->fd, &count, sizeof count) == sizeof count);
  CHECK(count >= 1 && (s->repeats || count == 1));
  if (!s->repeats)
    s->mode = RAN_OUT;
}

// Leaves the expirations of a near one unread, for a snapshot to hold them.
static void let_run_out(struct slot *s) {
  struct pollfd p = {.fd = s->fd, .events = POLLIN};
  if (s->mode == NEAR)
    CHECK(poll(&p, 1, PATIENCE_MS) == 1);
}

static void drop(struct slot *s) {
  if (s->mode == UNUSED || live_random(3))
    return;
  CHECK(close(s->fd) == 0);
  s->mode = UNUSED;
}

static void check(const struct slot *s) {
  struct itimerspec now;
  uint64_t count;
  if (s->mode == UNUSED)
    return;
  CHECK(timerfd_gettime(s->fd, &now) == 0);
  if (s->mode == FAR)
    CHECK(now.it_value.tv_sec > 500 && now.it_value.tv_sec <= 1000 && now.it_interval.tv_sec == (s->repeats ? 50 : 0));
  if (s->mode == NEAR)
    CHECK(now.it_interval.tv_nsec == (s->repeats ? 3 * MILLISECOND_NS : 0));
  if (s->mode != NEAR)
    CHECK(read(s->fd, &count, sizeof count) == -1 && errno == EAGAIN);
  if (s->mode == OFF || s->mode == RAN_OUT)
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
}

// The set tells of near ones only.
static void check_set(void) {
  struct epoll_event events[SLOTS];
  int n = epoll_wait(set, events, SLOTS, 0);
  for (int i = 0; i < n; i++)
    CHECK(((struct slot *)events[i].data.ptr)->mode == NEAR);
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make,        start_far, start_near, start_near,
                                                   let_run_out, await,     stop,       drop};
  live_begin();
  set = epoll_create1(EPOLL_CLOEXEC);
  CHECK(set >= 0);
  do {
    for (unsigned k = 1 + live_random(6); k; k--)
      changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
    for (unsigned i = 0; i < SLOTS; i++)
      check(&slots[i]);
    check_set();
  } while (live_tick());
  for (unsigned i = 0; i < SLOTS; i++)
    await(&slots[i]);
  live_pass();
}
