// SPDX-License-Identifier: EPL-2.0
// Open files that several processes of a session share.
#include "resource/shared_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "kernel/calls.h"

enum { ABOVE_STANDARD = 3 };

// ---- while a session is captured ----

// As strcmp. Of two of one inode the kernel tells an order of their open files: 1 is less, 2 is greater.
static int compare(const struct met_file *met, pid_t pid, const struct descriptor *d) {
  if (met->device != d->stat.st_dev)
    return met->device < d->stat.st_dev ? -1 : 1;
  if (met->inode != d->stat.st_ino)
    return met->inode < d->stat.st_ino ? -1 : 1;
  int order = kernel_same_file(met->pid, met->fd, pid, d->fd);
  return order == 0 ? 0 : order == 1 ? -1 : 1;
}

static struct met_file *insert(struct file_census *c, size_t at, pid_t pid, const struct descriptor *d) {
  array_reserve(c->item, c->count, c->capacity);
  memmove(&c->item[at + 1], &c->item[at], (c->count - at) * sizeof *c->item);
  c->count++;
  c->item[at] = (struct met_file){
      .device = d->stat.st_dev, .inode = d->stat.st_ino, .pid = pid, .fd = d->fd, .number = (uint32_t)c->count};
  return &c->item[at];
}

static struct met_file *find_or_add(struct file_census *c, pid_t pid, const struct descriptor *d) {
  size_t low = 0;
  for (size_t high = c->count; low < high;) {
    size_t middle = (low + high) / 2;
    int order = compare(&c->item[middle], pid, d);
    if (order == 0)
      return &c->item[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return insert(c, low, pid, d);
}

void file_census_add(struct file_census *c, pid_t pid, struct descriptors *d) {
  for (size_t i = 0; i < d->count; i++) {
    struct descriptor *item = &d->item[i];
    if (item->leader != (int)i) {
      item->file = d->item[item->leader].file;
      continue;
    }
    struct met_file *met = find_or_add(c, pid, item);
    met->users++;
    item->file = met->number;
  }
}

static int by_number(const void *a, const void *b) {
  const struct met_file *x = a, *y = b;
  return (x->number > y->number) - (x->number < y->number);
}

void file_census_settle(struct file_census *c, struct descriptors *d) {
  if (c->count && !c->is_settled)
    qsort(c->item, c->count, sizeof *c->item, by_number);
  c->is_settled = true;
  for (size_t i = 0; i < d->count; i++)
    if (d->item[i].file && c->item[d->item[i].file - 1].users < 2)
      d->item[i].file = 0;
}

void file_census_done(struct file_census *c) {
  free(c->item);
  *c = (struct file_census){0};
}

// ---- while it is put back ----

static int chosen(const struct shared_files *f, uint32_t number) { return number < f->count ? f->fd[number] : -1; }

static void set(struct shared_files *f, uint32_t number, int fd) {
  if (number >= f->count) {
    f->fd = must_realloc(f->fd, number + 1, sizeof *f->fd);
    while (f->count <= number)
      f->fd[f->count++] = -1;
  }
  f->fd[number] = fd;
}

void shared_files_choose(struct shared_files *f, uint32_t number, int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_STANDARD);
  if (copy >= 0)
    set(f, number, copy);
}

bool shared_files_chosen(const struct shared_files *f, uint32_t number, pid_t pid, int fd) {
  int own = chosen(f, number);
  return own >= 0 && kernel_same_file(getpid(), own, pid, fd) == 0;
}

bool shared_files_take(const struct shared_files *f, uint32_t number, int *ret) {
  int own = chosen(f, number);
  *ret = own < 0 ? -1 : fcntl(own, F_DUPFD_CLOEXEC, ABOVE_STANDARD);
  return *ret >= 0;
}

// Two that were different open files can be one now: it stands for the first of them.
static bool stands_for_another(const struct shared_files *f, pid_t pid, int fd) {
  for (uint32_t i = 0; i < f->count; i++)
    if (shared_files_chosen(f, i, pid, fd))
      return true;
  return false;
}

void shared_files_find(struct shared_files *f, pid_t pid, const struct descriptors *then) {
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  for (size_t i = 0; pidfd >= 0 && i < then->count; i++) {
    const struct descriptor *d = &then->item[i];
    struct descriptor now;
    if (!d->file || d->leader != (int)i || chosen(f, d->file) >= 0)
      continue;
    if (descriptor_read(pid, d->fd, &now) == 0 && descriptor_is_same(d, &now) && !stands_for_another(f, pid, d->fd)) {
      int fd = kernel_pidfd_getfd(pidfd, d->fd);
      if (fd >= 0)
        set(f, d->file, fd);
    }
    free(now.link);
    fdinfo_done(&now.info);
  }
}

void shared_files_done(struct shared_files *f) {
  for (size_t i = 0; i < f->count; i++)
    if (f->fd[i] >= 0)
      (void)close(f->fd[i]);
  free(f->fd);
  *f = (struct shared_files){0};
}
