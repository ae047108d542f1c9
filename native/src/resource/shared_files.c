// SPDX-License-Identifier: EPL-2.0
// Open files that several processes of a session share.
#include "resource/shared_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "kernel/calls.h"

enum { ABOVE_STANDARD = 3 };

// ---- while a session is captured ----

void file_census_add(struct file_census *c, pid_t pid, struct descriptors *d) {
  for (size_t i = 0; i < d->count; i++) {
    struct descriptor *item = &d->item[i];
    if (item->leader != (int)i) {
      item->file = d->item[item->leader].file;
      continue;
    }
    struct open_file *met = open_files_find(&c->met, pid, item);
    met->users++;
    item->file = met->number;
  }
}

static int by_number(const void *a, const void *b) {
  const struct open_file *x = a, *y = b;
  return (x->number > y->number) - (x->number < y->number);
}

void file_census_settle(struct file_census *c, struct descriptors *d) {
  struct open_files *met = &c->met;
  if (met->count && !c->is_settled)
    qsort(met->item, met->count, sizeof *met->item, by_number);
  c->is_settled = true;
  for (size_t i = 0; i < d->count; i++)
    if (d->item[i].file && met->item[d->item[i].file - 1].users < 2)
      d->item[i].file = 0;
}

void file_census_done(struct file_census *c) {
  open_files_done(&c->met);
  c->is_settled = false;
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

// Two that were different open files can be one now: it stands for the first of them. Else it is known from now on.
static bool stands_for_another(struct shared_files *f, int fd) {
  struct descriptor own = {.fd = fd};
  size_t known = f->met.count;
  if (fstat(fd, &own.stat) == 0)
    (void)open_files_find(&f->met, getpid(), &own);
  return f->met.count == known;
}

void shared_files_choose(struct shared_files *f, uint32_t number, int fd) {
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_STANDARD);
  if (copy < 0)
    return;
  (void)stands_for_another(f, copy);
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

static void find_one(struct shared_files *f, int pidfd, const struct descriptor *then) {
  _cleanup_fd_ int fd = kernel_pidfd_getfd(pidfd, then->fd);
  if (fd < 0 || stands_for_another(f, fd))
    return;
  set(f, then->file, fd);
  fd = -1;
}

void shared_files_find(struct shared_files *f, pid_t pid, const struct descriptors *then) {
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  for (size_t i = 0; pidfd >= 0 && i < then->count; i++) {
    const struct descriptor *d = &then->item[i];
    struct descriptor now;
    if (!d->file || d->leader != (int)i || chosen(f, d->file) >= 0)
      continue;
    if (descriptor_read(pid, d->fd, &now) == 0 && descriptor_is_same(d, &now))
      find_one(f, pidfd, d);
    free(now.link);
    fdinfo_done(&now.info);
  }
}

void shared_files_done(struct shared_files *f) {
  for (size_t i = 0; i < f->count; i++)
    if (f->fd[i] >= 0)
      (void)close(f->fd[i]);
  free(f->fd);
  open_files_done(&f->met);
  *f = (struct shared_files){0};
}
