// SPDX-License-Identifier: EPL-2.0
// eventfd(2) with its count.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/calls.h"
#include "resource/descriptors.h"

static bool eventfd_matches(const struct descriptor *d) { return strcmp(d->link, "anon_inode:[eventfd]") == 0; }

// The kernel gives ids again. A semaphore gives one at a time: one that has to give too much is made anew instead.
enum { MOST_READS = 1000 };

static bool eventfd_same(const struct descriptor *then, const struct descriptor *now) {
  if (then->info.id < 0 || then->info.id != now->info.id || then->info.semaphore != now->info.semaphore)
    return false;
  return !now->info.semaphore || now->info.count < then->info.count || now->info.count - then->info.count <= MOST_READS;
}

static int eventfd_reopen(const struct descriptor *d) {
  int flags = (d->info.flags & O_NONBLOCK ? EFD_NONBLOCK : 0) | (d->info.semaphore ? EFD_SEMAPHORE : 0);
  int fd = eventfd(0, flags | EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int set_count(int fd, const struct fdinfo *now, uint64_t count) {
  uint64_t value, held = now->count;
  while (held > count) {
    if (read(fd, &value, sizeof value) != sizeof value)
      return -errno;
    held -= value;
  }
  uint64_t more = count - held;
  return more && write(fd, &more, sizeof more) != sizeof more ? -errno : 0;
}

static int eventfd_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  struct fdinfo now;
  pid_t pid = executor_pid(x);
  int r = fdinfo_read(pid, d->fd, &now);
  if (r == 0 && now.count != d->info.count) {
    _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
    _cleanup_fd_ int fd = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, d->fd);
    r = fd < 0 ? fd : set_count(fd, &now, d->info.count);
  }
  return r < 0 ? error_set_errno(e, r, "cannot put back the count of eventfd %d of process %d", d->fd, pid) : 0;
}

const struct descriptor_kind descriptor_eventfd = {
    .name = "eventfd",
    .matches = eventfd_matches,
    .same = eventfd_same,
    .reopen = eventfd_reopen,
    .restore = eventfd_restore,
};
