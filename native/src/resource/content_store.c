// SPDX-License-Identifier: EPL-2.0
// Contents of files as they were at snapshots.
#include "resource/content_store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"

enum { BLOCK = 65536, HOLE = 0 };

// What a file's attributes were when it held a content for certain. Times that are too young do not tell whether it was
// written to behind that look; those of another machine may be of any age.
struct look {
  uint64_t device, inode;
  off_t size;
  struct timespec modified, changed;
  bool is_reliable;
};

struct content {
  struct content_store *store;
  unsigned users;
  struct look look;
  uint64_t size;
  int clone;        // shares the blocks of the file; -1: `block` is used
  uint32_t *block;  // numbers in the store's file, from 1; HOLE
  size_t blocks;
};

struct content_store {
  int fd;  // -1: nothing has been stored yet
  struct content **content;
  size_t contents, content_capacity;
  uint32_t *users;  // of each block
  uint32_t count;
  size_t user_capacity;
  uint32_t *unused;
  size_t unused_count, unused_capacity;
  uint32_t *late;  // unused as soon as nobody holds the store
  size_t late_count, late_capacity;
  unsigned holders;
};

struct content_store *content_store_new(void) {
  struct content_store *s = must_alloc(sizeof *s);
  s->fd = -1;
  return s;
}

void content_store_free(struct content_store *s) {
  if (!s)
    return;
  if (s->fd >= 0)
    (void)close(s->fd);
  free(s->content);
  free(s->users);
  free(s->unused);
  free(s->late);
  free(s);
}

uint64_t content_store_size(const struct content_store *s) { return (uint64_t)(s->count - s->unused_count) * BLOCK; }

bool content_store_uses(const struct content_store *s, int fd) {
  for (size_t i = 0; s && i < s->contents; i++)
    if (s->content[i]->clone == fd)
      return true;
  return s && s->fd == fd;
}

// ---- what a file's attributes tell ----

static bool has_times_of_ours(int fd) {
  enum { XFS = 0x58465342, F2FS = 0xf2f52010, BCACHEFS = 0xca451a4e, ZFS = 0x2fc12fc1 };
  static const unsigned systems[] = {
      EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC, OVERLAYFS_SUPER_MAGIC, XFS, F2FS, BCACHEFS, ZFS};
  struct statfs fs;
  for (size_t i = 0; fstatfs(fd, &fs) == 0 && i < sizeof systems / sizeof *systems; i++)
    if ((unsigned)fs.f_type == systems[i])
      return true;
  return false;
}

// The kernel's clock for files moves in steps of up to 10 ms.
static bool is_old(struct timespec changed) {
  enum { YOUNG_NS = 100000000, SECOND = 1000000000 };
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)(now.tv_sec - changed.tv_sec) * SECOND + (now.tv_nsec - changed.tv_nsec) > YOUNG_NS;
}

static struct look look_at(int fd, const struct stat *at, bool is_mapped) {
  return (struct look){.device = at->st_dev,
                       .inode = at->st_ino,
                       .size = at->st_size,
                       .modified = at->st_mtim,
                       .changed = at->st_ctim,
                       .is_reliable = !is_mapped && is_old(at->st_ctim) && has_times_of_ours(fd)};
}

static bool same_time(struct timespec a, struct timespec b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

static bool is_unchanged(const struct look *then, const struct stat *now) {
  return then->is_reliable && then->device == now->st_dev && then->inode == now->st_ino && then->size == now->st_size &&
         same_time(then->modified, now->st_mtim) && same_time(then->changed, now->st_ctim);
}

bool content_is_in(const struct content *c, int fd, bool is_mapped) {
  struct stat now;
  return !is_mapped && fstat(fd, &now) == 0 && is_unchanged(&c->look, &now);
}

// It is the newest of its file now.
void content_note(struct content *c, int fd, bool is_mapped) {
  struct content_store *s = c->store;
  struct stat at;
  if (fstat(fd, &at) < 0)
    return;
  c->look = look_at(fd, &at, is_mapped);
  for (size_t i = 0; i + 1 < s->contents; i++)
    if (s->content[i] == c) {
      memmove(&s->content[i], &s->content[i + 1], (s->contents - i - 1) * sizeof *s->content);
      s->content[s->contents - 1] = c;
    }
}

static struct content *newest_of(const struct content_store *s, const struct stat *at) {
  for (size_t i = s->contents; i-- > 0;)
    if (s->content[i]->look.device == at->st_dev && s->content[i]->look.inode == at->st_ino)
      return s->content[i];
  return NULL;
}

// ---- files without a name ----

static int open_nameless(const char *folder) {
  int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return fd < 0 ? -errno : fd;
  _cleanup_free_ char *path = must_format("%s/snapback-XXXXXX", folder);
  fd = mkostemp(path, O_CLOEXEC);
  if (fd < 0)
    return -errno;
  (void)unlink(path);
  return fd;
}

static int open_store(struct content_store *s) {
  const char *const folders[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
  int r = -ENOENT;
  for (size_t i = 0; s->fd < 0 && i < sizeof folders / sizeof *folders; i++)
    if (folders[i] && folders[i][0] == '/')
      s->fd = r = open_nameless(folders[i]);
  return s->fd < 0 ? r : 0;
}

// ---- blocks ----

static void forget_block(struct content_store *s, uint32_t block) {
  array_reserve(s->unused, s->unused_count, s->unused_capacity);
  s->unused[s->unused_count++] = block;
  (void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(block - 1) * BLOCK, BLOCK);
}

static void release_block(struct content_store *s, uint32_t block) {
  if (block == HOLE || --s->users[block - 1])
    return;
  if (!s->holders) {
    forget_block(s, block);
    return;
  }
  array_reserve(s->late, s->late_count, s->late_capacity);
  s->late[s->late_count++] = block;
}

void content_store_hold(struct content_store *s) {
  if (s)
    s->holders++;
}

void content_store_let_go(struct content_store *s) {
  if (!s || --s->holders)
    return;
  while (s->late_count)
    forget_block(s, s->late[--s->late_count]);
}

static uint32_t new_block(struct content_store *s) {
  if (s->unused_count)
    return s->unused[--s->unused_count];
  array_reserve(s->users, s->count, s->user_capacity);
  s->users[s->count] = 0;
  return ++s->count;
}

static int write_all(int fd, const unsigned char *bytes, size_t size, off_t at) {
  for (size_t done = 0; done < size;) {
    ssize_t n = pwrite(fd, bytes + done, size - done, at + (off_t)done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n < 0 ? -errno : -ENOSPC;
    done += (size_t)n;
  }
  return 0;
}

// Behind the end of the file all is zero. 0 or -errno.
static int read_zeroed(int fd, unsigned char *bytes, size_t size, off_t at) {
  for (size_t done = 0; done < size;) {
    ssize_t n = pread(fd, bytes + done, size - done, at + (off_t)done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -errno;
    if (n == 0) {
      memset(bytes + done, 0, size - done);
      break;
    }
    done += (size_t)n;
  }
  return 0;
}

static bool is_zero(const unsigned char *bytes) { return !bytes[0] && memcmp(bytes, bytes + 1, BLOCK - 1) == 0; }

static int store_block(struct content_store *s, const unsigned char *bytes, uint32_t *ret) {
  uint32_t block = new_block(s);
  int r = fault(FAULT_files_full) < 0 ? -ENOSPC : write_all(s->fd, bytes, BLOCK, (off_t)(block - 1) * BLOCK);
  if (r < 0) {
    forget_block(s, block);
    return r;
  }
  s->users[block - 1] = 1;
  *ret = block;
  return 0;
}

// Blocks as long as `c` has them; bytes of a block that is a hole or behind the end are zero.
static int read_block(const struct content *c, size_t index, unsigned char *bytes) {
  uint32_t block = index < c->blocks ? c->block[index] : HOLE;
  if (block != HOLE)
    return read_zeroed(c->store->fd, bytes, BLOCK, (off_t)(block - 1) * BLOCK);
  memset(bytes, 0, BLOCK);
  return 0;
}

// ---- keeping ----

static int keep_block(struct content *c, size_t index, const struct content *before, unsigned char *now,
                      unsigned char *then) {
  struct content_store *s = c->store;
  if (is_zero(now))
    return 0;
  if (before && index < before->blocks && before->block[index] != HOLE) {
    int r = read_block(before, index, then);
    if (r < 0)
      return r;
    if (memcmp(now, then, BLOCK) == 0) {
      c->block[index] = before->block[index];
      s->users[c->block[index] - 1]++;
      return 0;
    }
  }
  return store_block(s, now, &c->block[index]);
}

static int copy_blocks(struct content *c, int fd, const struct content *before) {
  int r = c->store->fd < 0 ? open_store(c->store) : 0;
  c->blocks = (c->size + BLOCK - 1) / BLOCK;
  c->block = calloc(c->blocks + 1, sizeof *c->block);
  _cleanup_free_ unsigned char *bytes = malloc(2 * (size_t)BLOCK);
  if (!c->block || !bytes)
    return -ENOMEM;
  for (off_t at = 0, end; r == 0 && at < (off_t)c->size; at = end) {
    off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO)
      break;
    at = (data < 0 ? at : data) / BLOCK * BLOCK;
    end = at + BLOCK;
    r = read_zeroed(fd, bytes, BLOCK, at);
    if (r == 0 && end > (off_t)c->size)
      memset(bytes + (c->size - (uint64_t)at), 0, (size_t)(end - (off_t)c->size));
    if (r == 0)
      r = keep_block(c, (size_t)(at / BLOCK), before, bytes, bytes + BLOCK);
  }
  return r;
}

// A nameless file in the folder of the original, which has its blocks; -1: the file system has no such thing.
static int clone_of(int fd, const char *path) {
  const char *slash = path ? strrchr(path, '/') : NULL;
  if (!slash)
    return -1;
  _cleanup_free_ char *folder = must_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
  _cleanup_fd_ int clone = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  return clone >= 0 && ioctl(clone, FICLONE, fd) == 0 ? fd_take(&clone) : -1;
}

int content_keep(struct content_store *s, int fd, const char *path, bool is_mapped, struct content **ret) {
  struct stat at;
  if (fstat(fd, &at) < 0)
    return -errno;
  struct content *before = newest_of(s, &at);
  if (before && !is_mapped && is_unchanged(&before->look, &at)) {
    *ret = content_retain(before);
    return 0;
  }
  struct content *c = must_alloc(sizeof *c);
  *c = (struct content){.store = s, .users = 1, .size = (uint64_t)at.st_size, .look = look_at(fd, &at, is_mapped)};
  array_reserve(s->content, s->contents, s->content_capacity);
  s->content[s->contents++] = c;
  c->clone = clone_of(fd, path);
  int r = c->clone < 0 ? copy_blocks(c, fd, before) : 0;
  if (r < 0) {
    content_release(c);
    return r;
  }
  *ret = c;
  return 0;
}

struct content *content_retain(struct content *c) {
  c->users++;
  return c;
}

void content_release(struct content *c) {
  if (!c || --c->users)
    return;
  struct content_store *s = c->store;
  for (size_t i = 0; i < s->contents; i++)
    if (s->content[i] == c) {
      memmove(&s->content[i], &s->content[i + 1], (s->contents - i - 1) * sizeof *s->content);
      s->contents--;
      break;
    }
  for (size_t i = 0; c->block && i < c->blocks; i++)
    release_block(s, c->block[i]);
  if (c->clone >= 0)
    (void)close(c->clone);
  free(c->block);
  free(c);
}

// ---- reading ----

uint64_t content_size(const struct content *c) { return c->size; }

int content_read(const struct content *c, uint64_t offset, void *bytes, size_t size) {
  if (c->clone >= 0)
    return read_zeroed(c->clone, bytes, size, (off_t)offset);
  _cleanup_free_ unsigned char *block = must_alloc(BLOCK);
  for (size_t done = 0; done < size;) {
    size_t from = (size_t)((offset + done) % BLOCK), n = BLOCK - from < size - done ? BLOCK - from : size - done;
    int r = read_block(c, (size_t)((offset + done) / BLOCK), block);
    if (r < 0)
      return r;
    memcpy((unsigned char *)bytes + done, block + from, n);
    done += n;
  }
  return 0;
}

// ---- putting back ----

int content_reserve(const struct content *c, int fd) {
  if (fault(FAULT_files_reserve) < 0)
    return -ENOSPC;
  for (size_t i = 0, end; c->clone < 0 && i < c->blocks; i = end) {
    for (end = i + 1; end < c->blocks && (c->block[end] == HOLE) == (c->block[i] == HOLE);)
      end++;
    uint64_t from = (uint64_t)i * BLOCK, to = (uint64_t)end * BLOCK < c->size ? (uint64_t)end * BLOCK : c->size;
    if (c->block[i] != HOLE && fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from)) < 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS)
      return -errno;
  }
  return 0;
}

// 1: the block of the file is another one; `then` holds what it is to be. 0, -errno.
static int block_differs(const struct content *c, int fd, off_t at, size_t size, unsigned char *now,
                         unsigned char *then) {
  int r = read_zeroed(fd, now, size, at);
  if (r == 0)
    r = content_read(c, (uint64_t)at, then, size);
  return r < 0 ? r : memcmp(now, then, size) != 0;
}

static int write_block(const struct content *c, int fd, off_t at, size_t size, const unsigned char *bytes) {
  bool is_hole = c->clone < 0 && c->block[at / BLOCK] == HOLE;
  if (is_hole && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)size) == 0)
    return 0;
  return write_all(fd, bytes, size, at);
}

static size_t size_at(const struct content *c, off_t at) {
  return c->size - (uint64_t)at < BLOCK ? (size_t)(c->size - (uint64_t)at) : BLOCK;
}

int content_differs(struct content *c, int fd, bool is_mapped) {
  struct stat at;
  if (fstat(fd, &at) < 0)
    return -errno;
  if ((uint64_t)at.st_size != c->size)
    return 1;
  _cleanup_free_ unsigned char *bytes = must_alloc(2 * (size_t)BLOCK);
  for (off_t from = 0; from < (off_t)c->size; from += BLOCK) {
    int r = block_differs(c, fd, from, size_at(c, from), bytes, bytes + BLOCK);
    if (r)
      return r;
  }
  content_note(c, fd, is_mapped);
  return 0;
}

static int mend_block(const struct content *c, int fd, off_t at, unsigned char *bytes) {
  int r = block_differs(c, fd, at, size_at(c, at), bytes, bytes + BLOCK);
  if (r > 0 && c->clone >= 0 && ioctl(fd, FICLONE, c->clone) == 0)
    return 1;
  return r > 0 ? write_block(c, fd, at, size_at(c, at), bytes + BLOCK) : r;
}

int content_put_back(const struct content *c, int fd) {
  _cleanup_free_ unsigned char *bytes = must_alloc(2 * (size_t)BLOCK);
  int r = ftruncate(fd, (off_t)c->size) < 0 ? -errno : 0;
  for (off_t at = 0; r == 0 && at < (off_t)c->size; at += BLOCK)
    r = mend_block(c, fd, at, bytes);
  return r < 0 ? r : 0;
}
