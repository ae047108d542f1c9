// SPDX-License-Identifier: EPL-2.0
// Who in the session has which end of a pseudo-terminal.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/calls.h"
#include "proc/scope.h"
#include "proc/terminal.h"
#include "resource/pty.h"

int pty_number_of_slave(const struct stat *s) {
  return S_ISCHR(s->st_mode) && major(s->st_rdev) == PTY_MAJOR ? (int)minor(s->st_rdev) : -1;
}

int pty_number_of_master(int fd) {
  int number;
  return ioctl(fd, TIOCGPTN, &number) < 0 ? -errno : number;
}

// Calls `is_it` for each descriptor of each process of the session until it says yes.
static bool any_descriptor(bool (*is_it)(pid_t pid, int fd, const char *link, int number), int number, pid_t *ret_pid,
                           int *ret_fd) {
  _cleanup_free_ pid_t *process = NULL;
  size_t processes = 0;
  bool found = false;
  if (scope_list(&process, &processes) < 0)
    return false;
  for (size_t i = 0; i < processes && !found; i++) {
    _cleanup_free_ int *list = NULL;
    size_t count = 0;
    if (process[i] == getpid() || descriptor_list(process[i], &list, &count) < 0)
      continue;
    for (size_t k = 0; k < count && !found; k++) {
      _cleanup_free_ char *link = NULL;
      if (descriptor_link(process[i], list[k], &link) < 0 || !is_it(process[i], list[k], link, number))
        continue;
      found = true;
      *ret_pid = process[i];
      *ret_fd = list[k];
    }
  }
  return found;
}

static bool is_master(pid_t pid, int fd, const char *link, int number) {
  struct fdinfo info;
  const char *base = strrchr(link, '/');
  if (!base || strcmp(base, "/ptmx") != 0 || fdinfo_read(pid, fd, &info) < 0)
    return false;
  fdinfo_done(&info);
  return info.terminal == number;
}

static bool is_slave(pid_t pid, int fd, const char *link, int number) {
  char name[32];
  (void)pid, (void)fd;
  (void)snprintf(name, sizeof name, "/dev/pts/%d", number);
  return strcmp(link, name) == 0;
}

int pty_find_master(int number) {
  pid_t pid = 0;
  int fd = -1;
  if (!any_descriptor(is_master, number, &pid, &fd))
    return -ENOENT;
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  return pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, fd);
}

bool pty_slave_is_open(int number) {
  pid_t pid;
  int fd;
  return any_descriptor(is_slave, number, &pid, &fd);
}

// What the supervisor itself has is the caller's: that is known without looking.
static bool is_of_caller(int number) {
  struct process_terminal own;
  struct stat s;
  if (process_terminal(getpid(), &own) == 0 && own.device == makedev(PTY_MAJOR, (unsigned)number))
    return true;
  for (int i = 0; i <= 2; i++)
    if (fstat(i, &s) == 0 && pty_number_of_slave(&s) == number)
      return true;
  return false;
}

bool pty_is_inside(int number) {
  pid_t pid;
  int fd;
  return !is_of_caller(number) && any_descriptor(is_master, number, &pid, &fd);
}
