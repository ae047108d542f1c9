// SPDX-License-Identifier: EPL-2.0
// fanotify(7) groups of the kind that anybody may make, with their marks.
//
// Their events name files by handles; what they tell stays true for a file that has been renamed, so a mark that is
// still on its file stays there, whatever the name leads to by now. Unread events are as those of inotify: they stay.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "resource/watched_files.h"

// Linux 5.17, 5.19, 6.0
#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x1000
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x200
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x400
#endif

// All other flags want privileges, or tell of mounts: whoever makes the group anew may have to do without either.
static bool is_ordinary(const struct fanotify_group *g) {
  enum { NAMED = FAN_REPORT_FID | FAN_REPORT_DIR_FID };
  enum { ORDINARY = FAN_CLOEXEC | FAN_NONBLOCK | NAMED | FAN_REPORT_NAME | FAN_REPORT_TARGET_FID };
  return (g->flags & NAMED) && !(g->flags & ~(unsigned)ORDINARY) && !g->has_other_marks;
}

static bool fanotify_matches(const struct descriptor *d) {
  return strcmp(d->link, "anon_inode:[fanotify]") == 0 && is_ordinary(&d->info.fanotify);
}

static int fanotify_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  watching_capture(pid, all, d);
  const struct watched_files *marks = d->own;
  for (size_t i = 0; i < marks->count; i++)
    if (!marks->item[i].file.path)
      return refuse_nameless_file(pid, d, "fanotify group", &marks->item[i], e);
  return 0;
}

// ---- the way back ----

static bool fanotify_same(const struct descriptor *then, const struct descriptor *now) {
  const struct fanotify_group *a = &then->info.fanotify, *b = &now->info.fanotify;
  return a->flags == b->flags && a->event_flags == b->event_flags;
}

static int change_mask(int fd, unsigned how, uint64_t mask, const char *path) {
  return mask == 0 || fanotify_mark(fd, how, mask, AT_FDCWD, path) == 0 ? 0 : -errno;
}

// Both masks of a mark. `how`: FAN_MARK_ADD or FAN_MARK_REMOVE.
static int change_mark(int fd, unsigned how, const struct watched_file *w, const char *path) {
  const struct file_watch *m = &w->watch;
  unsigned ignores = m->flags & FAN_MARK_IGNORE ? FAN_MARK_IGNORE : FAN_MARK_IGNORED_MASK;
  ignores |= m->flags & FAN_MARK_IGNORED_SURV_MODIFY;
  how |= (m->flags & FAN_MARK_EVICTABLE) | (w->is_link ? FAN_MARK_DONT_FOLLOW : 0);
  int r = change_mask(fd, how, m->events, path);
  // On a file the kernel sets FAN_EVENT_ON_CHILD by itself, where a group needs it, and takes it from nobody.
  if (r == -ENOTDIR)
    r = change_mask(fd, how, m->events & ~(uint64_t)FAN_EVENT_ON_CHILD, path);
  return r < 0 ? r : change_mask(fd, how | ignores, m->ignored, path);
}

// A file that is gone has no mark: the kernel took it away, and told the program if that had asked.
static int add_mark(int fd, const struct watched_file *w, const char *path) {
  int r = change_mark(fd, FAN_MARK_ADD, w, path);
  return r == -ENOENT || r == -ENOTDIR || r == -EACCES ? 0 : r;
}

// As they were when the group was made; fcntl(2) may have changed what its descriptor has of them.
static int make_group(const struct descriptor *d) {
  _cleanup_fd_ int fd = fanotify_init(d->info.fanotify.flags, d->info.fanotify.event_flags);
  if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, d->info.flags) < 0)
    return -errno;
  return fd_take(&fd);
}

// With its marks: one that cannot be had is known before anything is changed. The kernel tells the newest first.
static int fanotify_reopen(const struct descriptor *d) {
  const struct watched_files *marks = d->own;
  _cleanup_fd_ int fd = make_group(d);
  int r = fd < 0 ? fd : 0;
  for (size_t i = marks->count; r == 0 && i > 0; i--)
    r = add_mark(fd, &marks->item[i - 1], marks->item[i - 1].file.path);
  return r < 0 ? r : fd_take(&fd);
}

static bool is_of_same_file(const struct file_watch *a, const struct file_watch *b) {
  return a->inode == b->inode && a->device == b->device;
}

static bool is_same_mark(const struct file_watch *a, const struct file_watch *b) {
  return is_of_same_file(a, b) && a->events == b->events && a->ignored == b->ignored && a->flags == b->flags;
}

static const struct watched_file *find_mark(const struct watched_files *in, const struct file_watch *m,
                                            bool (*is_same)(const struct file_watch *, const struct file_watch *)) {
  for (size_t i = 0; i < in->count; i++)
    if (is_same(&in->item[i].watch, m))
      return &in->item[i];
  return NULL;
}

// Living marks that the snapshot does not have, or has otherwise, where their files are now.
static struct watched_files find_changed(pid_t pid, const struct watched_files *then, const struct fdinfo *now) {
  _cleanup_free_ struct file_watch *changed = must_alloc((now->file_watches + 1) * sizeof *changed);
  size_t count = 0;
  for (size_t i = 0; i < now->file_watches; i++)
    if (!find_mark(then, &now->file_watch[i], is_same_mark))
      changed[count++] = now->file_watch[i];
  return watched_files_find(pid, &(struct descriptors){0}, changed, count);
}

// False: one is on a file that cannot be reached any more.
static bool remove_marks(int fd, const struct watched_files *marks) {
  for (size_t i = 0; i < marks->count; i++)
    if (!marks->item[i].file.path || change_mark(fd, FAN_MARK_REMOVE, &marks->item[i], marks->item[i].file.path) < 0)
      return false;
  return true;
}

static bool is_living(const struct fdinfo *now, const struct file_watch *m) {
  for (size_t i = 0; i < now->file_watches; i++)
    if (is_same_mark(&now->file_watch[i], m))
      return true;
  return false;
}

// `now`: NULL if none is left.
static int add_missing(int fd, const struct watched_files *then, const struct fdinfo *now,
                       const struct watched_files *changed) {
  int r = 0;
  for (size_t i = then->count; r == 0 && i > 0; i--) {
    const struct watched_file *w = &then->item[i - 1];
    const struct watched_file *living = find_mark(changed, &w->watch, is_of_same_file);
    if (!now || !is_living(now, &w->watch))
      r = add_mark(fd, w, living && living->file.path ? living->file.path : w->file.path);
  }
  return r;
}

static bool has_surplus(const struct watched_files *then, const struct watched_files *changed) {
  for (size_t i = 0; i < changed->count; i++)
    if (!find_mark(then, &changed->item[i].watch, is_of_same_file))
      return true;
  return false;
}

static int mend(pid_t pid, int fd, const struct watched_files *then, const struct fdinfo *now) {
  struct watched_files changed = find_changed(pid, then, now);
  bool is_emptied = !remove_marks(fd, &changed);
  int r = is_emptied && fanotify_mark(fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL) < 0 ? -errno : 0;
  if (r == 0)
    r = add_missing(fd, then, is_emptied ? NULL : now, &changed);
  if (r == 0 && (is_emptied || has_surplus(then, &changed)))
    r = watching_drop_events(fd);  // the program does not know of those files
  watched_files_done(&changed);
  return r;
}

static int fanotify_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  return watching_restore(x, d, "fanotify group", mend, e);
}

const struct descriptor_kind descriptor_fanotify = {
    .name = "fanotify",
    .matches = fanotify_matches,
    .capture = fanotify_capture,
    .same = fanotify_same,
    .reopen = fanotify_reopen,
    .restore = fanotify_restore,
    .done = watching_done,
};
