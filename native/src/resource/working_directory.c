// SPDX-License-Identifier: EPL-2.0
// The working directory and the file creation mask.
#include "resource/working_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "resource/delivery.h"

int working_directory_capture(pid_t pid, mode_t umask, struct working_directory *ret, struct error *e) {
  char path[64];
  struct stat at;
  (void)snprintf(path, sizeof path, "/proc/%d/cwd", pid);
  *ret = (struct working_directory){.pin = open(path, O_PATH | O_CLOEXEC)};
  if (ret->pin < 0 || fstat(ret->pin, &at) < 0)
    return error_set_errno(e, -errno, "cannot open the working directory of process %d", pid);
  ret->device = at.st_dev;
  ret->inode = at.st_ino;
  ret->umask = umask;
  return 0;
}

void working_directory_done(struct working_directory *d) {
  if (d->pin >= 0)
    (void)close(d->pin);
  d->pin = -1;
}

static int change(struct executor *x, const struct working_directory *d, struct error *e) {
  struct delivery *way;
  if (delivery_open(x, NULL, &way, e) < 0)
    return -1;
  int number = delivery_send(way, d->pin, -1, 1, e);
  int64_t r = number;
  if (number >= 0) {
    r = executor_call(x, e, SYS_fchdir, (uint64_t)number, 0, 0, 0, 0, 0);
    (void)executor_call(x, e, SYS_close, (uint64_t)number, 0, 0, 0, 0, 0);
  }
  if (delivery_close(way, e) < 0)
    return -1;
  return r < 0 ? error_set_errno(e, (int)r, "cannot put back the working directory of process %d", executor_pid(x)) : 0;
}

int working_directory_put_back(struct executor *x, const struct working_directory *d, struct error *e) {
  char path[64];
  struct stat now;
  (void)snprintf(path, sizeof path, "/proc/%d/cwd", executor_pid(x));
  if (executor_call(x, e, SYS_umask, d->umask, 0, 0, 0, 0, 0) < 0)
    return -1;
  if (stat(path, &now) == 0 && now.st_dev == d->device && now.st_ino == d->inode)
    return 0;
  return change(x, d, e);
}
