// SPDX-License-Identifier: EPL-2.0
// epoll sets against a model: descriptors added, changed, removed, and closed, which removes them too.
#include "live.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SETS = 3, SLOTS = 8 };

static struct slot {
  int fd;  // an eventfd; -1: closed
  bool ready;
  struct {
    bool watched, spent;  // spent: a one-shot that has fired
    uint32_t events;
    uint64_t data;
  } in[SETS];
} slots[SLOTS];
static int sets[SETS];

static uint32_t any_events(void) {
  return (live_random(3) ? EPOLLIN : 0) | (live_random(3) == 0 ? EPOLLPRI : 0) |
         (live_random(4) == 0 ? EPOLLONESHOT : 0);
}

static void make(unsigned i) {
  if (slots[i].fd >= 0)
    return;
  slots[i] = (struct slot){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  CHECK(slots[i].fd >= 0);
}

static void drop(unsigned i) {
  if (slots[i].fd < 0)
    return;
  CHECK(close(slots[i].fd) == 0);
  slots[i] = (struct slot){.fd = -1};
}

static void ring(unsigned i) {
  uint64_t count = 1;
  if (slots[i].fd < 0)
    return;
  if (slots[i].ready)
    CHECK(read(slots[i].fd, &count, sizeof count) == sizeof count);
  else
    CHECK(write(slots[i].fd, &count, sizeof count) == sizeof count);
  slots[i].ready = !slots[i].ready;
}

static void watch(unsigned i) {
  unsigned k = live_random(SETS);
  if (slots[i].fd < 0)
    return;
  struct epoll_event event = {.events = any_events(), .data.u64 = live_stamp(i, live_ticks())};
  int operation = slots[i].in[k].watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  CHECK(epoll_ctl(sets[k], operation, slots[i].fd, &event) == 0);
  slots[i].in[k].watched = true;
  slots[i].in[k].spent = false;
  slots[i].in[k].events = event.events;
  slots[i].in[k].data = event.data.u64;
}

static void unwatch(unsigned i) {
  unsigned k = live_random(SETS);
  if (slots[i].fd < 0)
    return;
  int result = epoll_ctl(sets[k], EPOLL_CTL_DEL, slots[i].fd, NULL);
  CHECK(slots[i].in[k].watched ? result == 0 : result == -1 && errno == ENOENT);
  slots[i].in[k].watched = false;
}

static bool expected(unsigned i, unsigned k) {
  return slots[i].fd >= 0 && slots[i].in[k].watched && !slots[i].in[k].spent && slots[i].ready &&
         (slots[i].in[k].events & EPOLLIN);
}

static void check(unsigned k) {
  struct epoll_event got[SLOTS + 1];
  int n = epoll_wait(sets[k], got, SLOTS + 1, 0), wanted = 0;
  for (unsigned i = 0; i < SLOTS; i++) {
    if (!expected(i, k))
      continue;
    wanted++;
    bool found = false;
    for (int j = 0; j < n; j++)
      found |= got[j].data.u64 == slots[i].in[k].data && got[j].events == EPOLLIN;
    CHECK(found);
    slots[i].in[k].spent = slots[i].in[k].events & EPOLLONESHOT;
  }
  CHECK(n == wanted);
}

int main(void) {
  static void (*const changes[])(unsigned) = {make, drop, ring, ring, watch, watch, unwatch};
  live_begin();
  for (unsigned k = 0; k < SETS; k++)
    CHECK((sets[k] = epoll_create1(EPOLL_CLOEXEC)) >= 0);
  for (unsigned i = 0; i < SLOTS; i++)
    slots[i].fd = -1;
  do {
    for (unsigned n = 1 + live_random(6); n; n--)
      changes[live_random(sizeof changes / sizeof *changes)](live_random(SLOTS));
    for (unsigned k = 0; k < SETS; k++)
      check(k);
  } while (live_tick());
  live_pass();
}
