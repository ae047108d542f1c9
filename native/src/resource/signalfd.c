// SPDX-License-Identifier: EPL-2.0
// signalfd(2) with the set of signals that it takes. The signals themselves wait in the process.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/calls.h"
#include "resource/descriptors.h"

enum { SET_SIZE = 8 };

static bool signalfd_matches(const struct descriptor *d) { return strcmp(d->link, "anon_inode:[signalfd]") == 0; }

// Sets the signals of `fd`; -1 makes a new one.
static int set_signals(int fd, uint64_t signals, int flags) {
  int r = (int)syscall(SYS_signalfd4, fd, &signals, SET_SIZE, flags);
  return r < 0 ? -errno : r;
}

static int signalfd_reopen(const struct descriptor *d) {
  return set_signals(-1, d->info.signals, (d->info.flags & O_NONBLOCK ? SFD_NONBLOCK : 0) | SFD_CLOEXEC);
}

static int signalfd_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  pid_t pid = executor_pid(x);
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  _cleanup_fd_ int fd = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, d->fd);
  int r = fd < 0 ? fd : set_signals(fd, d->info.signals, 0);
  return r < 0 ? error_set_errno(e, r, "cannot set the signals of signalfd %d of process %d again", d->fd, pid) : 0;
}

const struct descriptor_kind descriptor_signalfd = {
    .name = "signalfd",
    .matches = signalfd_matches,
    .reopen = signalfd_reopen,
    .restore = signalfd_restore,
};
