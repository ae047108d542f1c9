// SPDX-License-Identifier: EPL-2.0
// Files of /proc that tell of one process: they are opened by name, once the process of that number is there.
#include "resource/proc_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "kernel/calls.h"

bool proc_file_has_process(const char *link) {
  return strncmp(link, "/proc/", 6) == 0 && isdigit((unsigned char)link[6]);
}

static int open_by_name(const struct descriptor *d) {
  enum { KEPT = O_ACCMODE | O_NONBLOCK | O_PATH };
  int fd = open(d->link, (d->info.flags & KEPT) | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

// Under that number, if nobody has it.
static pid_t fork_numbered(int number) {
  pid_t last = kernel_last_pid();
  (void)kernel_set_last_pid(number - 1);
  pid_t child = fork();
  if (child > 0 && last > 0)
    (void)kernel_set_last_pid(last);
  return child;
}

// The file of the same name of a process that lives for a moment.
static int open_of_ended(const struct descriptor *d) {
  const char *number = d->link + strlen("/proc/"), *name = strchr(number, '/');
  pid_t child = fork_numbered(atoi(number));
  if (child < 0)
    return -errno;
  while (child == 0)
    (void)pause();
  _cleanup_free_ char *path = must_format("/proc/%d%s", (int)child, name ? name : ""),
                      *other = must_format("/proc/%d/status", (int)child);
  int fd = open(path, (d->info.flags & (O_ACCMODE | O_NONBLOCK | O_PATH)) | O_CLOEXEC);
  if (fd < 0)
    fd = open(other, O_RDONLY | O_CLOEXEC);
  int r = fd < 0 ? -errno : fd;
  (void)kill(child, SIGKILL);
  (void)waitpid(child, NULL, 0);
  return r;
}

int proc_file_open(const struct descriptor *d) {
  int fd = d->is_of_ended ? open_of_ended(d) : open_by_name(d);
  if (fd != -ENOENT && fd != -ESRCH)
    return fd;
  fd = open("/dev/null", (d->info.flags & O_ACCMODE) | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

// A process that was made anew has other files, under the same names.
static bool is_named(pid_t pid, const struct descriptor *d, bool when_there_is_none) {
  char path[64];
  struct stat wanted, living;
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, d->fd);
  if (stat(d->link, &wanted) < 0)
    return when_there_is_none;
  return stat(path, &living) == 0 && wanted.st_ino == living.st_ino && wanted.st_dev == living.st_dev;
}

bool proc_file_is_of_ended(pid_t pid, const struct descriptor *d) { return !is_named(pid, d, false); }

int proc_file_settle(struct executor *x, const struct descriptors *all, const struct descriptor *d, struct error *e) {
  if (d->is_of_ended || is_named(executor_pid(x), d, true))
    return 0;
  _cleanup_fd_ int fd = open_by_name(d);
  if (fd < 0)
    return 0;
  if (d->info.position)
    (void)lseek(fd, d->info.position, SEEK_SET);
  return descriptor_replace(x, all, d, fd, e);
}
