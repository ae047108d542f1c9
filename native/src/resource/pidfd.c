// SPDX-License-Identifier: EPL-2.0
// pidfds: of a process of the session, of one of its threads, or of one that has ended.
//
// One that was closed is opened again by number. When the process itself is made anew, under its number, that comes
// later: then a pidfd of an ended process keeps its place meanwhile.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/calls.h"
#include "resource/descriptors.h"

static bool pidfd_matches(const struct descriptor *d) { return strcmp(d->link, "anon_inode:[pidfd]") == 0; }

static int pidfd_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  (void)all;
  if (d->info.process != 0)
    return 0;
  return error_set(e, ERROR_REFUSED,
                   "descriptor %d of process %d is a pidfd of a process outside of the session, which snapshots cannot "
                   "hold: close it first",
                   d->fd, pid);
}

// Where pidfds are files of their own (Linux 6.9), each process has its inode; before, only the number tells.
static bool pidfd_same(const struct descriptor *then, const struct descriptor *now) {
  return then->info.process == now->info.process && then->stat.st_ino == now->stat.st_ino &&
         !((then->info.flags ^ now->info.flags) & O_EXCL);
}

static int open_living(const struct descriptor *d) {
  // PIDFD_NONBLOCK and PIDFD_THREAD are flags of open(2).
  int fd = (int)syscall(SYS_pidfd_open, d->info.process, d->info.flags & (O_NONBLOCK | O_EXCL));
  return fd < 0 ? -errno : fd;
}

static int open_ended(const struct descriptor *d) {
  pid_t child = fork();
  if (child == 0)
    _exit(0);
  if (child < 0)
    return -errno;
  int fd = (int)syscall(SYS_pidfd_open, child, d->info.flags & O_NONBLOCK);
  int r = fd < 0 ? -errno : fd;
  (void)waitpid(child, NULL, 0);
  return r;
}

static int pidfd_reopen(const struct descriptor *d) {
  int fd = d->info.process > 0 ? open_living(d) : -ESRCH;
  return fd == -ESRCH ? open_ended(d) : fd;
}

static bool leads_to(pid_t pid, const struct descriptor *d, int fd) {
  char path[64];
  struct stat ours, theirs;
  struct fdinfo now;
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, d->fd);
  if (fstat(fd, &ours) < 0 || stat(path, &theirs) < 0 || ours.st_ino != theirs.st_ino ||
      fdinfo_read(pid, d->fd, &now) < 0)
    return false;
  fdinfo_done(&now);
  return now.process == d->info.process;
}

static int pidfd_settle(struct executor *x, const struct descriptors *all, const struct descriptor *d,
                        struct error *e) {
  if (d->info.process <= 0)
    return 0;
  _cleanup_fd_ int fd = open_living(d);
  return fd < 0 || leads_to(executor_pid(x), d, fd) ? 0 : descriptor_replace(x, all, d, fd, e);
}

const struct descriptor_kind descriptor_pidfd = {
    .name = "pidfd",
    .matches = pidfd_matches,
    .capture = pidfd_capture,
    .same = pidfd_same,
    .reopen = pidfd_reopen,
    .settle = pidfd_settle,
};
