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
#include "resource/pipe_packets.h"

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

static bool is_in_packets(const struct descriptors *all, const struct descriptor *d) {
  for (size_t i = 0; i < all->count; i++) {
    const struct descriptor *other = &all->item[i];
    if (other->stat.st_dev == d->stat.st_dev && other->stat.st_ino == d->stat.st_ino && can_write(other) &&
        (other->info.flags & O_DIRECT))
      return true;
  }
  return pipe_ends_hold_packets(all->writers, &d->stat);
}

// What is in a pipe. The end of a packet ends a read.
struct content {
  unsigned char *bytes;
  size_t size;
  struct pipe_packets packets;
};

static void content_done(struct content *c) {
  free(c->bytes);
  free(c->packets.size);
  *c = (struct content){0};
}

static int read_packets(int fd, struct content *c, size_t size) {
  size_t capacity = 0;
  while (c->size < size) {
    ssize_t n = read(fd, c->bytes + c->size, size - c->size);
    if (n <= 0)
      return n < 0 ? -errno : -EPIPE;
    array_reserve(c->packets.size, c->packets.count, capacity);
    c->packets.size[c->packets.count++] = (uint32_t)n;
    c->size += (size_t)n;
  }
  return 0;
}

// Copies what is in the pipe without taking it out. 0 or -errno.
static int copy_content(int fd, struct content *ret) {
  int held = 0, capacity = fcntl(fd, F_GETPIPE_SZ), aside[2];
  *ret = (struct content){0};
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
  ret->bytes = must_alloc((size_t)n);
  int r = read_packets(in, ret, (size_t)n);
  if (r < 0)
    content_done(ret);
  return r;
}

// One packet alone looks like a stream.
static void keep_content(struct descriptor *d, struct content *c, bool in_packets) {
  d->bytes = c->bytes;
  d->size = c->size;
  if (!in_packets && c->packets.count <= 1) {
    free(c->packets.size);
    return;
  }
  struct pipe_packets *own = d->own = must_alloc(sizeof *own);
  *own = c->packets;
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
  struct content c = {0};
  int r = d->restores_bytes ? copy_content(fd, &c) : 0;
  if (r == 0)
    keep_content(d, &c, is_in_packets(all, d));
  return r < 0 ? error_set_errno(e, r, "cannot copy the bytes in the pipe of descriptor %d of process %d", d->fd, pid)
               : 0;
}

static void pipe_done(struct descriptor *d) {
  free(((struct pipe_packets *)d->own)->size);
  free(d->own);
  d->own = NULL;
}

static bool pipe_same(const struct descriptor *then, const struct descriptor *now) {
  return then->stat.st_dev == now->stat.st_dev && then->stat.st_ino == now->stat.st_ino;
}

// Packets are asked for afterwards: open(2) knows them for files only.
static int open_end(const struct descriptor *d, int flags) {
  int fd = pin_open(d->pin, flags & ~O_DIRECT);
  if (fd >= 0 && (flags & O_DIRECT) && fcntl(fd, F_SETFL, flags & (O_NONBLOCK | O_DIRECT)) < 0) {
    (void)close(fd);
    return -errno;
  }
  return fd;
}

// A pipe that has lost an end, or all, gets it again through its pin. Opened for both, it never blocks.
static int pipe_reopen(const struct descriptor *d) {
  _cleanup_fd_ int both = pin_open(d->pin, O_RDWR | O_NONBLOCK);
  return open_end(d, d->info.flags & (O_ACCMODE | O_NONBLOCK | O_DIRECT));
}

static int drain(int fd) {
  char bytes[65536];
  ssize_t n;
  do
    n = read(fd, bytes, sizeof bytes);
  while (n > 0);
  return n == 0 || errno == EAGAIN ? 0 : -errno;
}

static int write_content(int fd, const struct descriptor *d) {
  const struct pipe_packets *packets = d->own;
  if (!packets)
    return fd_write_all(fd, d->bytes, d->size);
  size_t at = 0;
  int r = 0;
  for (size_t i = 0; r == 0 && i < packets->count; at += packets->size[i++])
    r = fd_write_all(fd, d->bytes + at, packets->size[i]);
  return r;
}

static int refill(const struct descriptor *d, int reader) {
  int r = drain(reader);
  if (r == 0 && fcntl(reader, F_SETPIPE_SZ, d->capacity) < 0)
    r = -errno;
  if (r < 0 || !d->size)
    return r;
  _cleanup_fd_ int writer = open_end(d, O_WRONLY | O_NONBLOCK | (d->own ? O_DIRECT : 0));
  return writer < 0 ? writer : write_content(writer, d);
}

static bool is_equal(const struct content *now, const struct descriptor *d) {
  const struct pipe_packets *packets = d->own;
  if (now->size != d->size || (now->size && memcmp(now->bytes, d->bytes, now->size) != 0))
    return false;
  size_t count = packets ? packets->count : now->size > 0;
  return now->packets.count == count &&
         (!packets || memcmp(now->packets.size, packets->size, count * sizeof *packets->size) == 0);
}

static int pipe_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  if (!d->restores_bytes)
    return 0;
  _cleanup_fd_ int reader = pin_open(d->pin, O_RDONLY | O_NONBLOCK);
  struct content now = {0};
  int r = reader < 0 ? reader : copy_content(reader, &now);
  if (r == 0 && (!is_equal(&now, d) || fcntl(reader, F_GETPIPE_SZ) != d->capacity))
    r = refill(d, reader);
  content_done(&now);
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
    .done = pipe_done,
};
