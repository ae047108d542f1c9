// SPDX-License-Identifier: EPL-2.0
// Pipes and FIFOs with the bytes in them.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "resource/descriptors.h"

static bool pipe_matches(const struct descriptor *d) { return S_ISFIFO(d->stat.st_mode); }

static bool can_write(const struct descriptor *d) { return (d->info.flags & O_ACCMODE) != O_RDONLY; }
static bool can_read(const struct descriptor *d) { return (d->info.flags & O_ACCMODE) != O_WRONLY; }

static bool has_writer_inside(const struct descriptors *all, const struct descriptor *d) {
  for (size_t i = 0; i < all->count; i++) {
    const struct descriptor *other = &all->item[i];
    if (other->stat.st_dev == d->stat.st_dev && other->stat.st_ino == d->stat.st_ino && can_write(other))
      return true;
  }
  return false;
}

static bool has_no_writer(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

// Copies what is in the pipe without taking it out. 0 or -errno.
static int copy_bytes(int fd, unsigned char **ret, size_t *ret_size) {
  int held = 0, capacity = fcntl(fd, F_GETPIPE_SZ), aside[2];
  *ret = NULL;
  *ret_size = 0;
  if (ioctl(fd, FIONREAD, &held) < 0 || capacity < 0)
    return -errno;
  if (held == 0)
    return 0;
  if (pipe2(aside, O_CLOEXEC | O_NONBLOCK) < 0)
    return -errno;
  _cleanup_fd_ int in = aside[0], out = aside[1];
  (void)fcntl(out, F_SETPIPE_SZ, capacity);
  ssize_t n = tee(fd, out, (size_t)held, SPLICE_F_NONBLOCK);
  if (n < 0)
    return -errno;
  unsigned char *bytes = must_alloc((size_t)n);
  int r = fd_read_all(in, bytes, (size_t)n);
  if (r < 0) {
    free(bytes);
    return r;
  }
  *ret = bytes;
  *ret_size = (size_t)n;
  return 0;
}

// Only a pipe whose writers are all the program's own is put back: a stream from outside goes on as it is.
static int pipe_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  if (!can_read(d) || (d->info.flags & O_PATH))
    return 0;
  _cleanup_fd_ int fd = pin_open(d->pin, O_RDONLY | O_NONBLOCK);
  if (fd < 0)
    return error_set_errno(e, fd, "cannot read the pipe of descriptor %d of process %d", d->fd, pid);
  d->restores_bytes = has_writer_inside(all, d) || pipe_ends_hold(all->writers, &d->stat) || has_no_writer(fd);
  d->capacity = fcntl(fd, F_GETPIPE_SZ);
  int r = d->restores_bytes ? copy_bytes(fd, &d->bytes, &d->size) : 0;
  return r < 0 ? error_set_errno(e, r, "cannot copy the bytes in the pipe of descriptor %d of process %d", d->fd, pid)
               : 0;
}

static bool pipe_same(const struct descriptor *then, const struct descriptor *now) {
  return then->stat.st_dev == now->stat.st_dev && then->stat.st_ino == now->stat.st_ino;
}

// A pipe that has lost an end, or all, gets it again through its pin. Opened for both, it never blocks.
static int pipe_reopen(const struct descriptor *d) {
  int wanted = d->info.flags & (O_ACCMODE | O_NONBLOCK | O_DIRECT);
  _cleanup_fd_ int both = pin_open(d->pin, O_RDWR | O_NONBLOCK);
  return pin_open(d->pin, wanted);
}

static int drain(int fd) {
  char bytes[65536];
  ssize_t n;
  do
    n = read(fd, bytes, sizeof bytes);
  while (n > 0);
  return n == 0 || errno == EAGAIN ? 0 : -errno;
}

static int refill(const struct descriptor *d, int reader) {
  int r = drain(reader);
  if (r == 0 && fcntl(reader, F_SETPIPE_SZ, d->capacity) < 0)
    r = -errno;
  if (r < 0 || !d->size)
    return r;
  _cleanup_fd_ int writer = pin_open(d->pin, O_WRONLY | O_NONBLOCK);
  return writer < 0 ? writer : fd_write_all(writer, d->bytes, d->size);
}

static int pipe_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  if (!d->restores_bytes)
    return 0;
  _cleanup_fd_ int reader = pin_open(d->pin, O_RDONLY | O_NONBLOCK);
  _cleanup_free_ unsigned char *now = NULL;
  size_t size = 0;
  int r = reader < 0 ? reader : copy_bytes(reader, &now, &size);
  bool differs = r == 0 && (size != d->size || (size && memcmp(now, d->bytes, size) != 0));
  if (r == 0 && (differs || fcntl(reader, F_GETPIPE_SZ) != d->capacity))
    r = refill(d, reader);
  return r < 0 ? error_set_errno(e, r, "cannot put back the bytes in the pipe of descriptor %d of process %d", d->fd,
                                 executor_pid(x))
               : 0;
}

const struct descriptor_kind descriptor_pipe = {
    .name = "pipe",
    .matches = pipe_matches,
    .capture = pipe_capture,
    .same = pipe_same,
    .reopen = pipe_reopen,
    .restore = pipe_restore,
};
