// SPDX-License-Identifier: EPL-2.0
// inotify(7) sets with their watches under their numbers.
//
// Events that are unread stay as they are: the files are not taken back, so whatever the set has to tell of them is
// true. Those that the program has read since its snapshot are not told again.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "resource/watched_files.h"

static bool inotify_matches(const struct descriptor *d) { return strcmp(d->link, "anon_inode:inotify") == 0; }

// ---- capture ----

// Each watch takes the next number, so a set is made anew by counting up to its highest.
enum { NUMBER_MAX = 1 << 22 };

static int by_number(const void *a, const void *b) {
  const struct watched_file *x = a, *y = b;
  return (x->watch.number > y->watch.number) - (x->watch.number < y->watch.number);
}

static int refuse_number(pid_t pid, const struct descriptor *d, int number, struct error *e) {
  return error_set(e, ERROR_REFUSED,
                   "inotify set %d of process %d has made too many watches (%d): close it, or let the program begin a "
                   "new one",
                   d->fd, pid, number);
}

static int inotify_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  watching_capture(pid, all, d);
  const struct watched_files *set = d->own;
  qsort(set->item, set->count, sizeof *set->item, by_number);
  for (size_t i = 0; i < set->count; i++) {
    if (set->item[i].watch.number > NUMBER_MAX)
      return refuse_number(pid, d, set->item[i].watch.number, e);
    if (!set->item[i].file.path)
      return refuse_nameless_file(pid, d, "inotify set", &set->item[i], e);
  }
  return 0;
}

// ---- the way back ----

static const struct file_watch *find_watch(const struct fdinfo *i, int number) {
  for (size_t k = 0; k < i->file_watches; k++)
    if (i->file_watch[k].number == number)
      return &i->file_watch[k];
  return NULL;
}

// A number that was given up does not come back: then the whole set is made anew.
static bool inotify_same(const struct descriptor *then, const struct descriptor *now) {
  const struct watched_files *set = then->own;
  for (size_t i = 0; i < set->count; i++) {
    const struct watched_file *w = &set->item[i];
    const struct file_watch *other = find_watch(&now->info, w->watch.number);
    if (!other || other->inode != w->watch.inode || other->device != w->watch.device)
      return false;
  }
  return set->count > 0 || now->info.file_watches == 0;
}

static int add_watch(int fd, const char *path, uint32_t events) {
  int number = inotify_add_watch(fd, path, events);
  return number < 0 ? -errno : number;
}

static int watch_again(int fd, const struct watched_file *w) {
  return add_watch(fd, w->file.path, w->watch.events | (w->is_link ? IN_DONT_FOLLOW : 0));
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
  int number = watch_again(fd, w);
  if (number != -ENOENT && number != -ENOTDIR && number != -EACCES)
    return number;
  int r = filler_open(substitute);
  return r < 0 ? r : add_watch(fd, substitute->path, IN_MODIFY);
}

static int add_all(int fd, const struct watched_files *set, struct filler *substitute) {
  struct filler counter;
  int last = 0, r = filler_open(&counter);
  _cleanup_fd_ int closes = counter.fd;
  for (size_t i = 0; r == 0 && i < set->count; i++) {
    const struct watched_file *w = &set->item[i];
    r = count_up_to(fd, &counter, &last, w->watch.number);
    if (r == 0)
      r = add_one(fd, w, &substitute[i]);
    // The name may lead to a file by now that another name leads to as well.
    last = r < last ? last : r;
    r = r < 0 ? r : 0;
  }
  return r == 0 ? watching_drop_events(fd) : r;
}

// The program hears of the files that are gone (IN_IGNORED) as if they had just been deleted.
static void tell_missing(int fd, const struct watched_files *set, const struct filler *substitute) {
  for (size_t i = 0; i < set->count; i++)
    if (substitute[i].fd >= 0)
      (void)inotify_rm_watch(fd, set->item[i].watch.number);
}

static int inotify_reopen(const struct descriptor *d) {
  const struct watched_files *set = d->own;
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

static int mend_events(int fd, const struct watched_files *then, const struct fdinfo *now) {
  for (size_t i = 0; i < then->count; i++) {
    const struct watched_file *w = &then->item[i];
    const struct file_watch *living = find_watch(now, w->watch.number);
    if (living && living->inode == w->watch.inode && living->events != w->watch.events)
      (void)watch_again(fd, w);
  }
  return 0;
}

static int remove_surplus(int fd, const struct watched_files *then, const struct fdinfo *now) {
  unsigned removed = 0;
  for (size_t i = 0; i < now->file_watches; i++) {
    const struct watched_file key = {.watch.number = now->file_watch[i].number};
    if (!bsearch(&key, then->item, then->count, sizeof key, by_number))
      removed += inotify_rm_watch(fd, key.watch.number) == 0;
  }
  return removed ? watching_drop_events(fd) : 0;  // the program does not know those numbers
}

static int mend(pid_t pid, int fd, const struct watched_files *then, const struct fdinfo *now) {
  (void)pid;
  int r = mend_events(fd, then, now);
  return r < 0 ? r : remove_surplus(fd, then, now);
}

static int inotify_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  return watching_restore(x, d, "inotify set", mend, e);
}

const struct descriptor_kind descriptor_inotify = {
    .name = "inotify",
    .matches = inotify_matches,
    .capture = inotify_capture,
    .same = inotify_same,
    .reopen = inotify_reopen,
    .restore = inotify_restore,
    .done = watching_done,
};
