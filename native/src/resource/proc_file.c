// SPDX-License-Identifier: EPL-2.0
// Files of /proc that tell of one process: they are opened by name, once the process of that number is there.
#include "resource/proc_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

bool proc_file_has_process(const char *link) {
  return strncmp(link, "/proc/", 6) == 0 && isdigit((unsigned char)link[6]);
}

static int open_by_name(const struct descriptor *d) {
  enum { KEPT = O_ACCMODE | O_NONBLOCK | O_PATH };
  int fd = open(d->link, (d->info.flags & KEPT) | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int proc_file_open(const struct descriptor *d) {
  int fd = open_by_name(d);
  if (fd != -ENOENT && fd != -ESRCH)
    return fd;
  fd = open("/dev/null", (d->info.flags & O_ACCMODE) | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

// A process that was made anew has other files, under the same names.
static bool is_current(pid_t pid, const struct descriptor *d) {
  char path[64];
  struct stat wanted, living;
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, d->fd);
  return stat(d->link, &wanted) < 0 ||
         (stat(path, &living) == 0 && wanted.st_ino == living.st_ino && wanted.st_dev == living.st_dev);
}

int proc_file_settle(struct executor *x, const struct descriptors *all, const struct descriptor *d, struct error *e) {
  if (is_current(executor_pid(x), d))
    return 0;
  _cleanup_fd_ int fd = open_by_name(d);
  if (fd < 0)
    return 0;  // of a process that had ended before the snapshot
  if (d->info.position)
    (void)lseek(fd, d->info.position, SEEK_SET);
  return descriptor_replace(x, all, d, fd, e);
}
