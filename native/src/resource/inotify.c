// SPDX-License-Identifier: EPL-2.0
// inotify(7) sets with their watches under their numbers.
//
// Events that are unread stay as they are: the files are not taken back, so whatever the set has to tell of them is
// true. Those that the program has read since its snapshot are not told again. A watched file is known by its name and
// not pinned: the kernel tells of its end only when nobody has it any more.
#include "resource/inotify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "kernel/calls.h"

static bool inotify_matches(const struct descriptor *d) { return strcmp(d->link, "anon_inode:inotify") == 0; }

// ---- capture ----

static int by_number(const void *a, const void *b) {
  const struct watched_file *x = a, *y = b;
  return (x->number > y->number) - (x->number < y->number);
}

static struct watched_file describe_watch(const struct inotify_watch *from) {
  struct watched_file w = {.number = from->number, .events = from->events};
  w.file = (struct sought_file){.device = from->device,
                                .inode = from->inode,
                                .handle_type = from->handle_type,
                                .handle_size = from->handle_size,
                                .pin = -1};
  memcpy(w.file.handle, from->handle, from->handle_size);
  return w;
}

// The search is for all at once, and wants them in one row.
static void find_files(pid_t pid, const struct descriptors *all, struct inotify_set *set) {
  struct sought_file *list = must_alloc((set->count + 1) * sizeof *list);
  for (size_t i = 0; i < set->count; i++)
    list[i] = set->item[i].file;
  if (set->count)
    files_find(pid, all, list, set->count);
  for (size_t i = 0; i < set->count; i++) {
    cleanup_fd(&list[i].pin);
    list[i].pin = -1;
    set->item[i].file = list[i];
  }
  free(list);
}

static int refuse_watch(pid_t pid, const struct descriptor *d, const struct watched_file *w, struct error *e) {
  if (w->number > INOTIFY_NUMBER_MAX)
    return error_set(
        e, ERROR_REFUSED,
        "inotify set %d of process %d has made too many watches (%d): close it, or let the program begin a "
        "new one",
        d->fd, pid, w->number);
  return error_set(
      e, ERROR_REFUSED,
      "inotify set %d of process %d watches a file (watch %d, inode %llu) whose name cannot be found: stop "
      "watching it, or let the program work in a folder above it",
      d->fd, pid, w->number, (unsigned long long)w->file.inode);
}

static int inotify_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  struct inotify_set *set = d->own = must_alloc(sizeof *set);
  set->item = must_alloc((d->info.inotifies + 1) * sizeof *set->item);
  for (; set->count < d->info.inotifies; set->count++)
    set->item[set->count] = describe_watch(&d->info.inotify[set->count]);
  qsort(set->item, set->count, sizeof *set->item, by_number);
  find_files(pid, all, set);
  for (size_t i = 0; i < set->count; i++)
    if (!set->item[i].file.path || set->item[i].number > INOTIFY_NUMBER_MAX)
      return refuse_watch(pid, d, &set->item[i], e);
  return 0;
}

static void inotify_done(struct descriptor *d) {
  struct inotify_set *set = d->own;
  for (size_t i = 0; i < set->count; i++)
    sought_file_done(&set->item[i].file);
  free(set->item);
  free(set);
  d->own = NULL;
}

// ---- the way back ----

static const struct inotify_watch *find_watch(const struct fdinfo *i, int number) {
  for (size_t k = 0; k < i->inotifies; k++)
    if (i->inotify[k].number == number)
      return &i->inotify[k];
  return NULL;
}

// A number that was given up does not come back: then the whole set is made anew.
static bool inotify_same(const struct descriptor *then, const struct descriptor *now) {
  const struct inotify_set *set = then->own;
  for (size_t i = 0; i < set->count; i++) {
    const struct watched_file *w = &set->item[i];
    const struct inotify_watch *other = find_watch(&now->info, w->number);
    if (!other || other->inode != w->file.inode || other->device != w->file.device)
      return false;
  }
  return set->count > 0 || now->info.inotifies == 0;
}

static int add_watch(int fd, const char *path, uint32_t events) {
  int number = inotify_add_watch(fd, path, events);
  return number < 0 ? -errno : number;
}

static int drop_events(int fd) {
  char bytes[65536];
  int waiting = 0;
  while (ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0)
    if (read(fd, bytes, sizeof bytes) <= 0)
      return -errno;
  return 0;
}

// Something of ours to watch, that nobody changes.
struct filler {
  int fd;
  char path[64];
};

static int filler_open(struct filler *f) {
  f->fd = memfd_create("filler", MFD_CLOEXEC);
  (void)snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
  return f->fd < 0 ? -errno : 0;
}

// Gives numbers away until the next one is the wanted one.
static int count_up_to(int fd, const struct filler *filler, int *last, int number) {
  while (*last < number - 1) {
    int given = add_watch(fd, filler->path, IN_MODIFY);
    if (given < 0 || inotify_rm_watch(fd, given) < 0)
      return given < 0 ? given : -errno;
    *last = given;
  }
  return 0;
}

// A file that is gone leaves its number to something of ours, until the program is told.
static int add_one(int fd, const struct watched_file *w, struct filler *substitute) {
  int number = add_watch(fd, w->file.path, w->events);
  if (number != -ENOENT && number != -ENOTDIR && number != -EACCES)
    return number;
  int r = filler_open(substitute);
  return r < 0 ? r : add_watch(fd, substitute->path, IN_MODIFY);
}

static int add_all(int fd, const struct inotify_set *set, struct filler *substitute) {
  struct filler counter;
  int last = 0, r = filler_open(&counter);
  _cleanup_fd_ int closes = counter.fd;
  for (size_t i = 0; r == 0 && i < set->count; i++) {
    const struct watched_file *w = &set->item[i];
    r = count_up_to(fd, &counter, &last, w->number);
    if (r == 0)
      r = add_one(fd, w, &substitute[i]);
    // The name may lead to a file by now that another name leads to as well.
    last = r < last ? last : r;
    r = r < 0 ? r : 0;
  }
  return r == 0 ? drop_events(fd) : r;
}

// The program hears of the files that are gone (IN_IGNORED) as if they had just been deleted.
static void tell_missing(int fd, const struct inotify_set *set, const struct filler *substitute) {
  for (size_t i = 0; i < set->count; i++)
    if (substitute[i].fd >= 0)
      (void)inotify_rm_watch(fd, set->item[i].number);
}

static int inotify_reopen(const struct descriptor *d) {
  const struct inotify_set *set = d->own;
  _cleanup_fd_ int fd = inotify_init1(IN_CLOEXEC | (d->info.flags & O_NONBLOCK));
  _cleanup_free_ struct filler *substitute = must_alloc((set->count + 1) * sizeof *substitute);
  for (size_t i = 0; i < set->count; i++)
    substitute[i].fd = -1;
  int r = fd < 0 ? -errno : add_all(fd, set, substitute);
  if (r == 0)
    tell_missing(fd, set, substitute);
  for (size_t i = 0; i < set->count; i++)
    cleanup_fd(&substitute[i].fd);
  return r < 0 ? r : fd_take(&fd);
}

static int mend_events(int fd, const struct inotify_set *then, const struct fdinfo *now) {
  for (size_t i = 0; i < then->count; i++) {
    const struct watched_file *w = &then->item[i];
    const struct inotify_watch *living = find_watch(now, w->number);
    if (living && living->inode == w->file.inode && living->events != w->events)
      (void)add_watch(fd, w->file.path, w->events);
  }
  return 0;
}

static int remove_surplus(int fd, const struct inotify_set *then, const struct fdinfo *now) {
  unsigned removed = 0;
  for (size_t i = 0; i < now->inotifies; i++) {
    const struct watched_file key = {.number = now->inotify[i].number};
    if (!bsearch(&key, then->item, then->count, sizeof key, by_number))
      removed += inotify_rm_watch(fd, key.number) == 0;
  }
  return removed ? drop_events(fd) : 0;  // the program does not know those numbers
}

static int mend(int fd, const struct inotify_set *then, const struct fdinfo *now) {
  int r = mend_events(fd, then, now);
  return r < 0 ? r : remove_surplus(fd, then, now);
}

static int inotify_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  pid_t pid = executor_pid(x);
  struct fdinfo now;
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  _cleanup_fd_ int fd = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, d->fd);
  int r = fd < 0 ? fd : fdinfo_read(pid, d->fd, &now);
  if (r == 0) {
    r = mend(fd, d->own, &now);
    fdinfo_done(&now);
  }
  return r < 0 ? error_set_errno(e, r, "cannot put back inotify set %d of process %d", d->fd, pid) : 0;
}

const struct descriptor_kind descriptor_inotify = {
    .name = "inotify",
    .matches = inotify_matches,
    .capture = inotify_capture,
    .same = inotify_same,
    .reopen = inotify_reopen,
    .restore = inotify_restore,
    .done = inotify_done,
};
