// SPDX-License-Identifier: EPL-2.0
// Shared memory: copying it, and writing back what differs.
#include "resource/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "proc/memory.h"
#include "resource/shared_contents.h"

enum { PAGE = 4096, RESIDENCY_PAGES = 100 * 1024 };

bool mapping_is_shared_memory(const struct mapping *m) {
  static const char *const names[] = {"/dev/zero (deleted)", "/memfd:", "/dev/shm/", "/anon_hugepage (deleted)"};
  for (size_t i = 0; m->shared && i < sizeof names / sizeof names[0]; i++)
    if (strncmp(m->name, names[i], strlen(names[i])) == 0)
      return true;
  return false;
}

// ---- which objects there are ----

static struct shared_object *object_of(struct shared_memory *s, uint64_t device, uint64_t inode) {
  for (size_t i = 0; i < s->count; i++)
    if (s->object[i].device == device && s->object[i].inode == inode)
      return &s->object[i];
  array_reserve(s->object, s->count, s->capacity);
  struct shared_object *o = &s->object[s->count++];
  *o = (struct shared_object){.device = device, .inode = inode, .pin = -1};
  return o;
}

static bool is_memory_file(const struct descriptor *d) {
  struct statfs fs;
  if (!S_ISREG(d->stat.st_mode) || d->pin < 0 || (d->info.flags & O_PATH))
    return false;
  if (strncmp(d->link, "/memfd:", 7) != 0 && strncmp(d->link, "/dev/shm/", 9) != 0)
    return false;
  return fstatfs(d->pin, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static void add_files(struct shared_memory *s, const struct descriptors *all) {
  for (size_t i = 0; i < all->count; i++) {
    const struct descriptor *d = &all->item[i];
    if (!is_memory_file(d))
      continue;
    struct shared_object *o = object_of(s, d->stat.st_dev, d->stat.st_ino);
    if (o->pin < 0 || (d->info.flags & O_ACCMODE) == O_RDWR)
      o->pin = d->pin;
    o->size = (uint64_t)d->stat.st_size;
  }
}

static void add_views(struct shared_memory *s, const struct mappings *maps) {
  for (size_t i = 0; i < maps->count; i++) {
    const struct mapping *m = &maps->item[i];
    if (!mapping_is_shared_memory(m))
      continue;
    struct shared_object *o = object_of(s, m->device, m->inode);
    array_reserve(o->view, o->views, o->view_capacity);
    o->view[o->views++] = (struct shared_view){m->start, m->end, m->offset, m->protection};
  }
}

// ---- copying ----

static int add_run(struct shared_object *o, int fd, uint64_t at, uint64_t offset, uint64_t size) {
  return shared_contents_add(o->contents, fd, at, offset, size);
}

static int copy_file(struct shared_object *o) {
  _cleanup_fd_ int fd = pin_open(o->pin, O_RDONLY);
  if (fd < 0)
    return fd;
  int seals = fcntl(fd, F_GET_SEALS);
  o->seals = seals > 0 ? (unsigned)seals : 0;
  for (off_t at = 0, end; at < (off_t)o->size; at = end) {
    at = lseek(fd, at, SEEK_DATA);
    if (at < 0)
      return errno == ENXIO ? 0 : -errno;
    end = lseek(fd, at, SEEK_HOLE);
    if (end < 0)
      return -errno;
    int r = add_run(o, fd, (uint64_t)at, (uint64_t)at, (uint64_t)(end - at));
    if (r < 0)
      return r;
  }
  return 0;
}

static bool has_swap(void) {
  _cleanup_free_ char *text = NULL;
  unsigned long total = 0;
  if (file_read("/proc/meminfo", 65536, &text, NULL) < 0)
    return true;
  const char *at = strstr(text, "SwapTotal:");
  return !at || sscanf(at, "SwapTotal: %lu", &total) != 1 || total;
}

// One byte a page: 1 where the object has data. mincore(2) does not tell of swapped pages, so with swap all
// pages count as data.
static int read_residency(struct executor *x, uint64_t start, uint64_t pages, unsigned char *ret, struct error *e) {
  if (has_swap()) {
    memset(ret, 1, pages);
    return 0;
  }
  struct batch *b = batch_new();
  size_t at = batch_data(b, NULL, pages);
  (void)CALL(b, SYS_mincore, NUMBER(start), NUMBER(pages * PAGE), POINTER(at));
  int r = executor_run(x, b, e);
  if (r == 0 && batch_result(b, 0) < 0)
    r = error_set_errno(e, (int)batch_result(b, 0), "cannot see which pages of shared memory are in use");
  memcpy(ret, batch_at(b, at), pages);
  batch_free(b);
  return r;
}

static int open_memory(pid_t pid, int flags, struct error *e) {
  int fd = memory_open(pid, flags);
  return fd < 0 ? error_set_errno(e, fd, "cannot open the memory of process %d", pid) : fd;
}

// Calls `each` for every stretch of pages with data of a view.
typedef int (*stretch_function)(struct shared_object *o, int fd, uint64_t at, uint64_t offset, uint64_t size);

static int each_stretch(struct executor *x, struct shared_object *o, const struct shared_view *v, int fd,
                        stretch_function each, struct error *e) {
  _cleanup_free_ unsigned char *resident = must_alloc(RESIDENCY_PAGES);
  for (uint64_t start = v->start, pages; start < v->end; start += pages * PAGE) {
    pages = (v->end - start) / PAGE < RESIDENCY_PAGES ? (v->end - start) / PAGE : RESIDENCY_PAGES;
    if (read_residency(x, start, pages, resident, e) < 0)
      return -1;
    for (uint64_t i = 0, k; i < pages; i = k) {
      for (k = i + 1; k < pages && (resident[k] & 1) == (resident[i] & 1); k++)
        continue;
      uint64_t at = start + i * PAGE;
      int r = resident[i] & 1 ? each(o, fd, at, at - v->start + v->offset, (k - i) * PAGE) : 0;
      if (r < 0)
        return error_set_errno(e, r, "cannot copy shared memory at %#lx of process %d", (unsigned long)at,
                               executor_pid(x));
    }
  }
  return 0;
}

static int copy_view(struct executor *x, struct shared_object *o, const struct shared_view *v, struct error *e) {
  const uint64_t size = v->end - v->start;
  if (!(v->protection & PROT_READ) || shared_contents_is_seen(o->contents, v->offset, size))
    return 0;
  _cleanup_fd_ int fd = open_memory(executor_pid(x), O_RDONLY, e);
  if (fd < 0 || each_stretch(x, o, v, fd, add_run, e) < 0)
    return -1;
  shared_contents_set_seen(o->contents, v->offset, size);
  return 0;
}

static int copy_views(struct executor *x, struct shared_object *o, struct error *e) {
  for (size_t i = 0; i < o->views; i++)
    if (copy_view(x, o, &o->view[i], e) < 0)
      return -1;
  return 0;
}

static int copy_object(struct executor *x, struct shared_object *o, struct shared_pool *pool, uint64_t *ret_bytes,
                       struct error *e) {
  o->contents = shared_pool_find(pool, o->device, o->inode);
  uint64_t before = shared_contents_size(o->contents);
  int r = o->pin >= 0 ? copy_file(o) : copy_views(x, o, e);
  *ret_bytes += shared_contents_size(o->contents) - before;
  return r;
}

int shared_memory_capture(struct executor *x, const struct mappings *maps, const struct descriptors *descriptors,
                          struct shared_pool *pool, struct shared_memory *ret, struct error *e) {
  *ret = (struct shared_memory){0};
  add_files(ret, descriptors);
  add_views(ret, maps);
  int r = fault(FAULT_capture_shared);
  if (r < 0)
    return error_set_errno(e, r, "cannot copy the shared memory of process %d", executor_pid(x));
  for (size_t i = 0; i < ret->count; i++) {
    r = copy_object(x, &ret->object[i], pool, &ret->bytes, e);
    if (r < 0)
      return error_set_errno(e, r, "cannot copy the shared memory of process %d", executor_pid(x));
  }
  return 0;
}

void shared_memory_done(struct shared_memory *s) {
  for (size_t i = 0; i < s->count; i++) {
    shared_contents_release(s->object[i].contents);
    free(s->object[i].view);
  }
  free(s->object);
  *s = (struct shared_memory){0};
}

// ---- writing back ----

static int write_if_different(int fd, const unsigned char *then, uint64_t at, uint64_t size) {
  unsigned char now[PAGE];
  for (uint64_t done = 0; done < size; done += PAGE) {
    uint64_t n = size - done < PAGE ? size - done : PAGE;
    int r = fd_pread_all(fd, now, n, (off_t)(at + done));
    if (r < 0)
      return r;
    ssize_t written = memcmp(now, then + done, n) == 0 ? (ssize_t)n : pwrite(fd, then + done, n, (off_t)(at + done));
    if (written != (ssize_t)n)
      return written < 0 ? -errno : -EIO;
  }
  return 0;
}

// Data that has come since is made a hole again.
static int punch_new(const struct shared_object *o, int fd) {
  for (off_t at = 0; (at = lseek(fd, at, SEEK_DATA)) >= 0; at += PAGE)
    if (!shared_contents_has(o->contents, (uint64_t)at) &&
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at / PAGE * PAGE, PAGE) < 0)
      return -errno;
  return errno == ENXIO ? 0 : -errno;
}

static int put_back_file(const struct shared_object *o) {
  _cleanup_fd_ int fd = pin_open(o->pin, O_RDWR);
  if (fd < 0)
    return fd;
  struct stat now;
  if (fstat(fd, &now) < 0 || ((uint64_t)now.st_size != o->size && ftruncate(fd, (off_t)o->size) < 0))
    return -errno;
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals >= 0 && (seals & F_SEAL_WRITE))
    return 0;
  int r = punch_new(o, fd);
  for (size_t i = 0; r == 0 && i < o->contents->runs; i++) {
    const struct shared_run *run = &o->contents->run[i];
    r = write_if_different(fd, run->bytes, run->offset, run->size);
  }
  return r;
}

static int zero_if_new(struct shared_object *o, int fd, uint64_t at, uint64_t offset, uint64_t size) {
  static const unsigned char zeroes[PAGE];
  for (uint64_t done = 0; done < size; done += PAGE) {
    if (shared_contents_has(o->contents, offset + done))
      continue;
    int r = write_if_different(fd, zeroes, at + done, PAGE);
    if (r < 0)
      return r;
  }
  return 0;
}

static int put_back_view(struct executor *x, struct shared_object *o, const struct shared_view *v, int fd,
                         struct error *e) {
  if (each_stretch(x, o, v, fd, zero_if_new, e) < 0)
    return -1;
  uint64_t end = v->offset + (v->end - v->start);
  for (size_t i = 0; i < o->contents->runs; i++) {
    const struct shared_run *run = &o->contents->run[i];
    uint64_t from = run->offset > v->offset ? run->offset : v->offset;
    uint64_t to = run->offset + run->size < end ? run->offset + run->size : end;
    if (from >= to)
      continue;
    int r = write_if_different(fd, run->bytes + (from - run->offset), v->start + (from - v->offset), to - from);
    if (r < 0)
      return error_set_errno(e, r, "cannot put back shared memory of process %d", executor_pid(x));
  }
  return 0;
}

// A view without the right to write gets it for the moment: the kernel does not let us write through it.
static int put_back_views(struct executor *x, struct shared_object *o, struct error *e) {
  _cleanup_fd_ int fd = open_memory(executor_pid(x), O_RDWR, e);
  if (fd < 0)
    return -1;
  for (size_t i = 0; i < o->views; i++) {
    const struct shared_view *v = &o->view[i];
    if (!(v->protection & PROT_READ))
      continue;
    bool opened = !(v->protection & PROT_WRITE) &&
                  executor_call(x, e, SYS_mprotect, v->start, v->end - v->start, PROT_READ | PROT_WRITE, 0, 0, 0) == 0;
    if (!(v->protection & PROT_WRITE) && !opened)
      continue;  // mapped for reading only: this program cannot have changed it
    int r = put_back_view(x, o, v, fd, e);
    if (opened)
      (void)executor_call(x, e, SYS_mprotect, v->start, v->end - v->start, (uint64_t)v->protection, 0, 0, 0);
    if (r < 0)
      return -1;
  }
  return 0;
}

// One that is sealed against it can get its old size as little as the program could.
static bool has_lost_size(const struct shared_object *o) {
  struct stat now;
  if (o->pin < 0 || fstat(o->pin, &now) < 0)
    return false;
  enum { AGAINST_MORE = F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE };
  uint64_t size = (uint64_t)now.st_size;
  return (size < o->size && (o->seals & AGAINST_MORE)) || (size > o->size && (o->seals & F_SEAL_SHRINK));
}

static unsigned seals_of(const struct shared_object *o) {
  _cleanup_fd_ int fd = o->pin < 0 ? -1 : pin_open(o->pin, O_RDONLY);
  int seals = fd < 0 ? 0 : fcntl(fd, F_GET_SEALS);
  return seals < 0 ? 0 : (unsigned)seals;
}

static const char *name_of(const struct shared_object *o, const struct descriptors *files) {
  for (size_t i = 0; i < files->count; i++)
    if (files->item[i].pin == o->pin)
      return files->item[i].link;
  return "a memory file";
}

static bool shows(const struct mapping *m, const struct shared_object *o, const struct shared_view *v) {
  return m->device == o->device && m->inode == o->inode && m->start <= v->start && m->end >= v->end &&
         m->offset - m->start == v->offset - v->start;
}

// A view for writing that was made before the file was sealed against new ones.
static bool has_lost_view(pid_t pid, const struct shared_object *o) {
  struct mappings now;
  bool lost = false;
  if (!(o->seals & F_SEAL_FUTURE_WRITE) || mappings_read(pid, &now) < 0)
    return false;
  for (size_t i = 0; i < o->views; i++) {
    bool found = !(o->view[i].protection & PROT_WRITE);
    for (size_t k = 0; k < now.count && !found; k++)
      found = shows(&now.item[k], o, &o->view[i]);
    lost |= !found;
  }
  mappings_done(&now);
  return lost;
}

int shared_memory_check(pid_t pid, const struct shared_memory *s, const struct descriptors *files, struct error *e) {
  enum { IN_THE_WAY = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW };
  for (size_t i = 0; i < s->count; i++) {
    const struct shared_object *o = &s->object[i];
    if (seals_of(o) & ~o->seals & IN_THE_WAY)
      return error_set(e, ERROR_REFUSED,
                       "%s has been sealed since the snapshot, which cannot be undone: rewind to a snapshot that was "
                       "taken later",
                       name_of(o, files));
    if (has_lost_size(o))
      return error_set(
          e, ERROR_REFUSED,
          "%s has been sealed, and has got another size since the snapshot, which cannot be undone: rewind "
          "to a snapshot that was taken later",
          name_of(o, files));
    if (has_lost_view(pid, o))
      return error_set(
          e, ERROR_REFUSED,
          "%s has been sealed against writing, and its view at %#lx was unmapped since the snapshot, which "
          "cannot be undone: rewind to a snapshot that was taken later",
          name_of(o, files), (unsigned long)o->view[0].start);
  }
  return 0;
}

int shared_memory_put_back(struct executor *x, const struct shared_memory *s, struct error *e) {
  int r = fault(FAULT_rewind_shared);
  if (r < 0)
    return error_set_errno(e, r, "cannot put back the shared memory of process %d", executor_pid(x));
  for (size_t i = 0; i < s->count; i++) {
    struct shared_object *o = &s->object[i];
    // What writes such a file can do so only through the views that it had before.
    bool only_by_views = seals_of(o) & F_SEAL_FUTURE_WRITE;
    r = o->pin >= 0 && !only_by_views ? put_back_file(o) : put_back_views(x, o, e);
    if (r < 0)
      return error_set_errno(e, r, "cannot put back the shared memory of process %d", executor_pid(x));
  }
  return 0;
}
