// SPDX-License-Identifier: EPL-2.0
// timerfd(2) with the time that is left, its interval and the expirations that nobody has read yet.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/calls.h"
#include "resource/descriptors.h"

// linux/timerfd.h, which does not go with sys/timerfd.h. Only where the kernel is built for checkpoints.
#define SET_TICKS _IOW('T', 0, uint64_t)

enum { CANCEL_ON_SET = 2, SECOND_NS = 1000000000 };

static bool timerfd_matches(const struct descriptor *d) { return strcmp(d->link, "anon_inode:[timerfd]") == 0; }

static int open_theirs(pid_t pid, int fd) {
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  return pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, fd);
}

// A periodic timer that has run out counts on only when it is asked; one that is about to run out is looked at again.
static int timerfd_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  enum { LOOKS = 3 };
  (void)all;
  struct itimerspec ignored;
  _cleanup_fd_ int fd = open_theirs(pid, d->fd);
  int r = fd < 0 ? fd : 0;
  for (int i = 0; r == 0 && i < LOOKS; i++) {
    (void)timerfd_gettime(fd, &ignored);
    fdinfo_done(&d->info);
    r = fdinfo_read(pid, d->fd, &d->info);
    if (d->info.timer.value_ns || (!d->info.timer.interval_ns && d->info.timer.ticks))
      break;
  }
  return r < 0 ? error_set_errno(e, r, "cannot read timerfd %d of process %d", d->fd, pid) : 0;
}

static bool timerfd_same(const struct descriptor *then, const struct descriptor *now) {
  return then->info.timer.clock == now->info.timer.clock;
}

static int timerfd_reopen(const struct descriptor *d) {
  int fd = timerfd_create(d->info.timer.clock, (d->info.flags & O_NONBLOCK ? TFD_NONBLOCK : 0) | TFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static struct timespec span(uint64_t ns) { return (struct timespec){(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS)}; }

// One that also tells when the clock is set has to be given a moment; all others what is left to run.
static int start(int fd, const struct timerfd_state *t, uint64_t value_ns) {
  struct timespec now = {0};
  bool tells = t->settime_flags & CANCEL_ON_SET && value_ns;
  if (tells)
    (void)clock_gettime(t->clock, &now);
  uint64_t at = value_ns + (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
  struct itimerspec when = {.it_value = span(at), .it_interval = span(t->interval_ns)};
  return timerfd_settime(fd, tells ? TFD_TIMER_ABSTIME | CANCEL_ON_SET : 0, &when, NULL) < 0 ? -errno : 0;
}

// A kernel that cannot be told of expirations makes one itself.
static int set_timer(int fd, const struct timerfd_state *t) {
  int r = start(fd, t, t->value_ns);
  if (r < 0 || !t->ticks || ioctl(fd, SET_TICKS, &t->ticks) == 0)
    return r;
  return start(fd, t, 1);
}

static int timerfd_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  pid_t pid = executor_pid(x);
  _cleanup_fd_ int fd = open_theirs(pid, d->fd);
  int r = fd < 0 ? fd : set_timer(fd, &d->info.timer);
  return r < 0 ? error_set_errno(e, r, "cannot set timerfd %d of process %d again", d->fd, pid) : 0;
}

const struct descriptor_kind descriptor_timerfd = {
    .name = "timerfd",
    .matches = timerfd_matches,
    .capture = timerfd_capture,
    .same = timerfd_same,
    .reopen = timerfd_reopen,
    .restore = timerfd_restore,
};
