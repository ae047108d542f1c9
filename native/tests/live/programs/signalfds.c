// SPDX-License-Identifier: EPL-2.0
// signalfds: sets of signals that change, signals sent and read, descriptors made, shared and closed.
#include "live.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { SLOTS = 6 };

static const int numbers[] = {SIGUSR1, SIGUSR2, SIGHUP, 40, 41, 64};
enum { SIGNALS = sizeof numbers / sizeof *numbers };

static struct slot {
  int fd;
  bool used;
  unsigned signals;  // bits, by place in `numbers`
} slots[SLOTS];

static sigset_t set_of(unsigned signals) {
  sigset_t set;
  sigemptyset(&set);
  for (unsigned i = 0; i < SIGNALS; i++)
    if (signals & 1U << i)
      sigaddset(&set, numbers[i]);
  return set;
}

static void make(struct slot *s) {
  if (s->used)
    return;
  s->signals = live_random(1U << SIGNALS);
  sigset_t set = set_of(s->signals);
  s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK(s->fd >= 0);
  s->used = true;
}

static void change(struct slot *s) {
  if (!s->used)
    return;
  s->signals = live_random(1U << SIGNALS);
  sigset_t set = set_of(s->signals);
  CHECK(signalfd(s->fd, &set, 0) == s->fd);
}

static void drop(struct slot *s) {
  if (!s->used || live_random(3))
    return;
  CHECK(close(s->fd) == 0);
  s->used = false;
}

// A signal sent to ourselves comes out of every descriptor that takes it, once, and of no other one.
static void use(struct slot *s) {
  struct signalfd_siginfo info;
  struct pollfd p = {.fd = s->fd, .events = POLLIN};
  unsigned i = live_random(SIGNALS);
  if (!s->used)
    return;
  CHECK(poll(&p, 1, 0) == 0);
  CHECK(sigqueue(getpid(), numbers[i], (union sigval){.sival_int = 4711}) == 0);
  if (!(s->signals & 1U << i)) {
    sigset_t set = set_of(1U << i);
    CHECK(read(s->fd, &info, sizeof info) == -1 && errno == EAGAIN);
    CHECK(sigwaitinfo(&set, NULL) == numbers[i]);
    return;
  }
  CHECK(poll(&p, 1, 0) == 1);
  CHECK(read(s->fd, &info, sizeof info) == sizeof info);
  CHECK(info.ssi_signo == (uint32_t)numbers[i] && info.ssi_int == 4711);
  CHECK(read(s->fd, &info, sizeof info) == -1 && errno == EAGAIN);
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make, change, use, use, use, drop};
  live_begin();
  sigset_t all = set_of((1U << SIGNALS) - 1);
  CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
  do {
    for (unsigned k = 1 + live_random(8); k; k--)
      changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
  } while (live_tick());
  live_pass();
}
