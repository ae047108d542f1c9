// SPDX-License-Identifier: EPL-2.0
// Whole reads and writes of files and descriptors.
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

struct reading {
  size_t step;      // bytes at most in one read
  bool ends_short;  // a read that does not fill its room has got the end
};

static int read_steps(int dir_fd, const char *path, const struct reading *how, size_t limit, char **ret_text,
                      size_t *ret_size) {
  _cleanup_fd_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  size_t capacity = 4096, n = 0;
  _cleanup_free_ char *text = must_alloc(capacity);
  for (;;) {
    if (n + 1 >= capacity) {
      capacity *= 2;
      text = must_realloc(text, capacity, 1);
    }
    size_t room = capacity - n - 1;
    if (room > how->step)
      room = how->step;
    ssize_t k = read(fd, text + n, room);
    if (k < 0 && errno == EINTR)
      continue;
    if (k < 0)
      return -errno;
    if (k == 0)
      break;
    n += (size_t)k;
    if (n > limit)
      return -EFBIG;
    if (how->ends_short && (size_t)k < room)
      break;
  }
  text[n] = 0;
  *ret_text = pointer_take(text);
  if (ret_size)
    *ret_size = n;
  return 0;
}

int file_read_at(int dir_fd, const char *path, size_t limit, char **ret_text, size_t *ret_size) {
  return read_steps(dir_fd, path, &(struct reading){.step = SIZE_MAX}, limit, ret_text, ret_size);
}

int file_read_record(const char *path, size_t limit, char **ret_text) {
  return read_steps(AT_FDCWD, path, &(struct reading){.step = SIZE_MAX, .ends_short = true}, limit, ret_text, NULL);
}

int file_read_records(const char *path, size_t record, size_t limit, char **ret_text) {
  return read_steps(AT_FDCWD, path, &(struct reading){.step = record}, limit, ret_text, NULL);
}

int file_read(const char *path, size_t limit, char **ret_text, size_t *ret_size) {
  return file_read_at(AT_FDCWD, path, limit, ret_text, ret_size);
}

int file_write_text(const char *path, const char *text) {
  _cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  return fd_write_all(fd, text, strlen(text));
}

int fd_read_all(int fd, void *data, size_t size) {
  for (size_t n = 0; n < size;) {
    ssize_t k = read(fd, (char *)data + n, size - n);
    if (k < 0 && errno == EINTR)
      continue;
    if (k <= 0)
      return k < 0 ? -errno : -EPIPE;
    n += (size_t)k;
  }
  return 0;
}

int fd_write_all(int fd, const void *data, size_t size) {
  for (size_t n = 0; n < size;) {
    ssize_t k = write(fd, (const char *)data + n, size - n);
    if (k < 0 && errno == EINTR)
      continue;
    if (k < 0)
      return -errno;
    n += (size_t)k;
  }
  return 0;
}

int fd_pread_all(int fd, void *data, size_t size, off_t at) {
  for (size_t n = 0; n < size;) {
    ssize_t k = pread(fd, (char *)data + n, size - n, at + (off_t)n);
    if (k < 0 && errno == EINTR)
      continue;
    if (k <= 0)
      return k < 0 ? -errno : -EPIPE;
    n += (size_t)k;
  }
  return 0;
}
