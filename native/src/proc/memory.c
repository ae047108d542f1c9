// SPDX-License-Identifier: EPL-2.0
// /proc/PID/mem.
#include "proc/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

int memory_open(pid_t pid, int flags) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/mem", pid);
  int fd = open(path, flags | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int memory_read(pid_t pid, uint64_t at, void *data, size_t size) {
  _cleanup_fd_ int fd = memory_open(pid, O_RDONLY);
  return fd < 0 ? fd : fd_pread_all(fd, data, size, (off_t)at);
}

int memory_write(pid_t pid, uint64_t at, const void *data, size_t size) {
  _cleanup_fd_ int fd = memory_open(pid, O_RDWR);
  if (fd < 0)
    return fd;
  ssize_t n = pwrite(fd, data, size, (off_t)at);
  return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

int memory_write_new(pid_t pid, uint64_t at, const void *data, size_t size) {
  for (size_t done = 0; done < size;) {
    struct iovec here = {(char *)data + done, size - done}, there = {(void *)(uintptr_t)(at + done), size - done};
    ssize_t n = process_vm_writev(pid, &here, 1, &there, 1, 0);
    if (n <= 0)
      return n < 0 ? -errno : -EIO;
    done += (size_t)n;
  }
  return 0;
}
