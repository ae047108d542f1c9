// SPDX-License-Identifier: EPL-2.0
// A file that appears whole under its name, or not at all: without a name while it is written (O_TMPFILE), or hidden
// where the file system knows no such thing.
#include "image/new_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"

enum { ONLY_OWNER = 0600 };

static const char hidden_start[] = ".snapback-", hidden_end[] = ".part";

static char *hidden_name(void) {
  uint64_t number = 0;
  (void)!getrandom(&number, sizeof number, 0);
  return must_format("%s%016llx%s", hidden_start, (unsigned long long)number, hidden_end);
}

static int open_folder(const char *path, struct error *e) {
  const char *slash = strrchr(path, '/');
  _cleanup_free_ char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : must_strdup(".");
  int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (fd < 0)
    (void)error_set_errno(e, -errno, "cannot open the folder %s", folder ? folder : path);
  return fd;
}

// What else than a file stands under that name would be lost.
static int check_name(const struct new_file *f, struct error *e) {
  struct stat s;
  if (!*f->name)
    return error_set(e, ERROR_REFUSED, "%s names a folder, not a file", f->path);
  if (fstatat(f->folder, f->name, &s, AT_SYMLINK_NOFOLLOW) || S_ISREG(s.st_mode) || S_ISLNK(s.st_mode))
    return 0;
  return error_set(e, ERROR_REFUSED, "%s exists and is not a file, choose another name", f->path);
}

static bool is_hidden(const char *name) {
  size_t length = strlen(name), end = sizeof hidden_end - 1;
  return strncmp(name, hidden_start, sizeof hidden_start - 1) == 0 && length > end &&
         strcmp(name + length - end, hidden_end) == 0;
}

// A writer holds a lock on its file for as long as it lives.
static void remove_if_left(int folder, const char *name) {
  _cleanup_fd_ int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
    (void)unlinkat(folder, name, 0);
}

static void sweep(int folder) {
  int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  _cleanup_dir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
  for (struct dirent *entry; dir && (entry = readdir(dir));)
    if (is_hidden(entry->d_name))
      remove_if_left(folder, entry->d_name);
}

void new_file_sweep(const char *path) {
  struct error ignored = {0};
  _cleanup_fd_ int folder = open_folder(path, &ignored);
  if (folder >= 0)
    sweep(folder);
}

static int open_nameless(struct new_file *f) {
  if (fault(FAULT_image_nameless))
    return -EOPNOTSUPP;
  f->fd = openat(f->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, ONLY_OWNER);
  if (f->fd < 0)
    return -errno;
  (void)flock(f->fd, LOCK_EX | LOCK_NB);
  return 0;
}

// Somebody who sweeps may have met the file before it was locked: then it has no name any more, and the next one may.
static int open_hidden(struct new_file *f) {
  struct stat s;
  do {
    free(f->aside);
    cleanup_fd(&f->fd);
    f->aside = hidden_name();
    f->fd = openat(f->folder, f->aside, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, ONLY_OWNER);
    if (f->fd < 0) {
      int r = -errno;
      free(pointer_take(f->aside));
      return r;
    }
  } while (flock(f->fd, LOCK_EX) == 0 && fstat(f->fd, &s) == 0 && s.st_nlink == 0);
  return 0;
}

static int open_nameless_or_hidden(struct new_file *f) {
  int r = open_nameless(f);
  return r == -EOPNOTSUPP || r == -EISDIR || r == -ENOENT || r == -EINVAL ? open_hidden(f) : r;
}

int new_file_open(const char *path, struct new_file *ret, struct error *e) {
  const char *slash = strrchr(path, '/');
  *ret = (struct new_file){.fd = -1, .folder = -1, .path = must_strdup(path)};
  ret->name = must_strdup(slash ? slash + 1 : path);
  ret->folder = open_folder(path, e);
  int r = ret->folder < 0 || check_name(ret, e) ? -1 : 0;
  if (r == 0) {
    sweep(ret->folder);
    r = open_nameless_or_hidden(ret);
    if (r)
      r = error_set_errno(e, r, "cannot write %s", path);
  }
  if (r)
    new_file_done(ret);
  return r;
}

int new_file_write(struct new_file *f, const void *bytes, size_t size, uint64_t at) {
  if (fault(FAULT_image_write))
    return -EIO;
  if (fault(FAULT_image_full))
    return -ENOSPC;
  for (size_t n = 0; n < size;) {
    ssize_t k = pwrite(f->fd, (const char *)bytes + n, size - n, (off_t)(at + n));
    if (k < 0 && errno == EINTR)
      continue;
    if (k <= 0)
      return k < 0 ? -errno : -ENOSPC;
    n += (size_t)k;
  }
  return 0;
}

void new_file_push(const struct new_file *f, size_t size, uint64_t at) {
  (void)sync_file_range(f->fd, (off_t)at, (off_t)size, SYNC_FILE_RANGE_WRITE);
}

static int link_as(const struct new_file *f, const char *name) {
  char source[64];
  (void)snprintf(source, sizeof source, "/proc/self/fd/%d", f->fd);
  return linkat(AT_FDCWD, source, f->folder, name, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

// A free name is taken at once; an old file is replaced in one step, which needs a name of our own first.
static int give_name(struct new_file *f) {
  int r = fault(FAULT_image_rename);
  if (r)
    return r;
  if (!f->aside) {
    r = link_as(f, f->name);
    if (r != -EEXIST)
      return r;
    char *aside = hidden_name();
    r = link_as(f, aside);
    if (r) {
      free(aside);
      return r;
    }
    f->aside = aside;
  }
  if (renameat(f->folder, f->aside, f->folder, f->name))
    return -errno;
  free(pointer_take(f->aside));
  return 0;
}

static int sync_to_disk(int fd) {
  int r = fault(FAULT_image_sync);
  if (r)
    return r;
  return fsync(fd) ? -errno : 0;
}

int new_file_keep(struct new_file *f, struct error *e) {
  int r = sync_to_disk(f->fd);
  if (r)
    return error_set_errno(e, r, "cannot write %s to the disk", f->path);
  r = give_name(f);
  if (r)
    return error_set_errno(e, r, "cannot give %s its name", f->path);
  // Some file systems do not sync folders; the file itself is safe by then.
  if (fsync(f->folder) && errno != EINVAL && errno != EROFS)
    return error_set_errno(e, -errno, "cannot write the folder of %s to the disk", f->path);
  if (close(fd_take(&f->fd)))
    return error_set_errno(e, -errno, "cannot close %s", f->path);
  return 0;
}

void new_file_done(struct new_file *f) {
  cleanup_fd(&f->fd);
  if (f->aside)
    (void)unlinkat(f->folder, f->aside, 0);
  cleanup_fd(&f->folder);
  free(f->aside);
  free(f->name);
  free(f->path);
  *f = (struct new_file){.fd = -1, .folder = -1};
}
