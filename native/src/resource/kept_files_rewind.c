// SPDX-License-Identifier: EPL-2.0
// Putting back what was in the files that a session writes.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "proc/fdinfo.h"
#include "resource/kept_files.h"

// What is told about a file.
enum told { TOLD_PUT_BACK, TOLD_MADE_ANEW, TOLD_REMOVED, TOLD_NAMELESS, TOLD_LEFT, TOLD_COUNT };
static const char *const words[TOLD_COUNT] = {
    [TOLD_PUT_BACK] = "Files put back",
    [TOLD_MADE_ANEW] = "Files made anew under their old names",
    [TOLD_REMOVED] = "Files removed, because they were made since",
    [TOLD_NAMELESS] = "Files put back without their names, which others have",
    [TOLD_LEFT] = "Files opened for writing since, left as they are",
};

// One file of the snapshot, or one that is there now and was not.
struct work {
  struct kept_file *file;  // NULL: it was not there
  char *path;              // whose name is to be taken away; NULL: none
  struct stat now;         // of the one that has it
  int fd;                  // where the content is to be; -1: nothing to do
  char *aside;             // the name that fd has until then, being a new file; NULL: it is the old one
  enum told told;
};

struct files_plan {
  struct kept_files *kept;
  struct work *item;
  size_t count, capacity;
  struct file_successor *successor;
  size_t successors, successor_capacity;
};

static struct work *add(struct files_plan *p, struct kept_file *f) {
  array_reserve(p->item, p->count, p->capacity);
  struct work *w = &p->item[p->count++];
  *w = (struct work){.file = f, .fd = -1};
  return w;
}

// ---- files that are there now and were not ----

static bool is_since(int64_t seconds, int64_t nanoseconds, struct timespec then) {
  return seconds > then.tv_sec || (seconds == then.tv_sec && nanoseconds >= then.tv_nsec);
}

static bool is_born_since(const char *path, struct timespec then) {
  struct statx at;
  return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &at) == 0 && (at.stx_mask & STATX_BTIME) &&
         is_since(at.stx_btime.tv_sec, at.stx_btime.tv_nsec, then);
}

static bool is_planned(const struct files_plan *p, const struct stat *at) {
  for (size_t i = 0; i < p->count; i++)
    if (p->item[i].path && p->item[i].now.st_dev == at->st_dev && p->item[i].now.st_ino == at->st_ino)
      return true;
  return false;
}

static void plan_new(struct files_plan *p, const char *link, const struct stat *now) {
  struct stat named;
  if (kept_files_find(p->kept, now->st_dev, now->st_ino) || is_planned(p, now) || lstat(link, &named) < 0 ||
      named.st_dev != now->st_dev || named.st_ino != now->st_ino)
    return;
  bool is_written = is_since(now->st_mtim.tv_sec, now->st_mtim.tv_nsec, p->kept->taken);
  bool is_born = is_born_since(link, p->kept->taken);
  if (!is_born && !is_written)
    return;
  struct work *w = add(p, NULL);
  w->path = must_strdup(link);
  w->now = *now;
  w->told = is_born ? TOLD_REMOVED : TOLD_LEFT;
}

// Files that a process has open for writing, and that were made since.
static void plan_new_of(struct files_plan *p, pid_t pid) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  if (!p->kept->taken.tv_sec || descriptor_list(pid, &list, &count) < 0)
    return;
  for (size_t i = 0; i < count; i++) {
    char path[64];
    struct stat now;
    struct fdinfo info;
    _cleanup_free_ char *link = NULL;
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, list[i]);
    if (stat(path, &now) < 0 || !S_ISREG(now.st_mode) || descriptor_link(pid, list[i], &link) < 0 || link[0] != '/' ||
        strncmp(link, "/dev/shm/", 9) == 0 || fdinfo_read(pid, list[i], &info) < 0)
      continue;
    if ((info.flags & O_ACCMODE) != O_RDONLY && !(info.flags & O_PATH))
      plan_new(p, link, &now);
    fdinfo_done(&info);
  }
}

// ---- files of the snapshot ----

static int refuse(const struct kept_file *f, int r, struct error *e) {
  bool is_full = r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
  return error_set(e, is_full ? ERROR_NO_MEMORY : ERROR_REFUSED,
                   "the contents of %s cannot be put back (%s): %s, or start the program without --files=rewind",
                   f->path ? f->path : "a file without a name", strerror(-r),
                   is_full ? "make room" : "let it be writable");
}

static int is_changed(const struct kept_file *f) {
  _cleanup_fd_ int fd = pin_open(f->pin, O_RDONLY);
  if (fd >= 0 && content_is_in(f->content, fd, f->is_mapped))
    return 0;
  return fd < 0 ? fd : content_differs(f->content, fd, f->is_mapped);
}

static int plan_in_place(struct files_plan *p, struct kept_file *f, enum told told, struct error *e) {
  int r = is_changed(f);
  if (r == 0)
    return 0;
  struct work *w = add(p, f);
  w->told = told;
  w->fd = r < 0 ? r : pin_open(f->pin, O_RDWR);
  r = w->fd < 0 ? w->fd : content_reserve(f->content, w->fd);
  return r < 0 ? refuse(f, r, e) : 0;
}

// A file in the folder of the name, with all that is to be in it. It needs a name, too: one that never had any shows as
// deleted for ever. A descriptor, or -errno.
static int make_aside(const struct kept_file *f, char **ret_name) {
  const char *slash = strrchr(f->path, '/');
  _cleanup_free_ char *name = must_format("%.*s/.snapback-XXXXXX", (int)(slash - f->path), f->path);
  _cleanup_fd_ int fd = mkostemp(name, O_CLOEXEC);
  if (fd < 0)
    return -errno;
  (void)fchown(fd, f->stat.st_uid, f->stat.st_gid);
  (void)fchmod(fd, f->stat.st_mode & 07777);
  int r = content_reserve(f->content, fd);
  if (r == 0)
    r = content_put_back(f->content, fd);
  if (r < 0) {
    (void)unlink(name);
    return r;
  }
  *ret_name = pointer_take(name);
  return fd_take(&fd);
}

static void plan_successor(struct files_plan *p, const struct kept_file *f, int fd) {
  array_reserve(p->successor, p->successors, p->successor_capacity);
  struct file_successor *s = &p->successor[p->successors++];
  *s = (struct file_successor){.device = f->stat.st_dev, .inode = f->stat.st_ino, .path = f->path, .fd = fd};
  (void)fstat(fd, &s->stat);
}

static int plan_anew(struct files_plan *p, struct kept_file *f, const struct stat *other, struct error *e) {
  struct stat now;
  char *aside = NULL;
  int fd = make_aside(f, &aside);
  bool is_gone = fstat(f->pin, &now) < 0 || now.st_nlink == 0;
  if (fd < 0 && is_gone)
    return plan_in_place(p, f, TOLD_NAMELESS, e);
  if (fd < 0)
    return refuse(f, fd, e);
  struct work *w = add(p, f);
  bool may_take = !other || is_born_since(f->path, p->kept->taken);
  *w = (struct work){.file = f, .fd = fd, .aside = aside, .told = may_take ? TOLD_MADE_ANEW : TOLD_NAMELESS};
  if (may_take && other) {
    w->path = must_strdup(f->path);
    w->now = *other;
  }
  plan_successor(p, f, fd);
  return 0;
}

static int plan_one(struct files_plan *p, struct kept_file *f, struct error *e) {
  struct stat named;
  bool has_one = f->path && lstat(f->path, &named) == 0;
  if (!f->path || f->is_mapped || (has_one && named.st_dev == f->stat.st_dev && named.st_ino == f->stat.st_ino))
    return plan_in_place(p, f, TOLD_PUT_BACK, e);
  return plan_anew(p, f, has_one ? &named : NULL, e);
}

int files_plan(struct kept_files *k, const pid_t *pid, size_t pids, struct files_plan **ret, struct error *e) {
  struct files_plan *p = must_alloc(sizeof *p);
  p->kept = k;
  int r = 0;
  for (size_t i = 0; r == 0 && i < k->count; i++)
    r = plan_one(p, &k->item[i], e);
  for (size_t i = 0; r == 0 && i < pids; i++)
    plan_new_of(p, pid[i]);
  if (r < 0) {
    files_plan_free(p);
    return -1;
  }
  *ret = p;
  return 0;
}

// ---- successors ----

const struct file_successor *files_plan_successors(const struct files_plan *plan, size_t *ret_count) {
  *ret_count = plan->successors;
  return plan->successor;
}

static void change_pin(int *pin, struct stat *stat, const struct file_successor *f) {
  int successor = pin_open(f->fd, O_PATH);
  if (successor < 0)
    return;
  (void)close(*pin);
  *pin = successor;
  stat->st_dev = f->stat.st_dev;
  stat->st_ino = f->stat.st_ino;
}

void descriptors_succeed(struct descriptors *all, const struct file_successor *f) {
  for (size_t i = 0; i < all->count; i++) {
    struct descriptor *d = &all->item[i];
    if (d->kind != &descriptor_file || d->pin < 0 || d->stat.st_dev != f->device || d->stat.st_ino != f->inode)
      continue;
    change_pin(&d->pin, &d->stat, f);
    d->info.inode = f->stat.st_ino;
  }
}

bool kept_files_succeed(struct kept_files *k, const struct file_successor *f) {
  for (size_t i = 0; i < k->count; i++) {
    struct kept_file *file = &k->item[i];
    if (file->stat.st_dev != f->device || file->stat.st_ino != f->inode || !file->path ||
        strcmp(file->path, f->path) != 0)
      continue;
    change_pin(&file->pin, &file->stat, f);
    return true;
  }
  return false;
}

// ---- carrying it out ----

// The new file gets the name, or none.
static int settle_name(struct work *w) {
  int r = w->told == TOLD_MADE_ANEW ? rename(w->aside, w->file->path) : unlink(w->aside);
  if (r < 0)
    return -errno;
  free(pointer_take(w->aside));
  return 0;
}

// Programs that look whether their file was changed behind their backs find that it was not.
static void put_times_back(const struct work *w) {
  const struct timespec times[2] = {w->file->stat.st_atim, w->file->stat.st_mtim};
  (void)futimens(w->fd, times);
  content_note(w->file->content, w->fd, w->file->is_mapped);
}

static int carry_out(struct work *w, struct error *e) {
  if (w->told == TOLD_REMOVED && unlink(w->path) < 0 && errno != ENOENT)
    return error_set_errno(e, -errno, "cannot remove %s, which was made since the snapshot", w->path);
  if (!w->file)
    return 0;
  int r = w->aside ? settle_name(w) : content_put_back(w->file->content, w->fd);
  if (r < 0)
    return error_set_errno(e, r, "cannot put %s back, so that the files are not all as they were: rewind again",
                           w->file->path ? w->file->path : "a file without a name");
  put_times_back(w);
  return 0;
}

static const char *name_of(const struct work *w) {
  const char *path = w->path ? w->path : w->file->path;
  return path ? path : "(no name)";
}

static void add_text(char *note, size_t size, const char *text) {
  size_t used = strlen(note);
  if (used + 1 < size)
    (void)snprintf(note + used, size - used, "%s", text);
}

static void tell(const struct files_plan *p, enum told told, char *note, size_t size) {
  enum { NAMES_MAX = 3 };
  size_t count = 0;
  for (size_t i = 0; i < p->count; i++) {
    if (p->item[i].told != told || ++count > NAMES_MAX)
      continue;
    add_text(note, size, count > 1 ? ", " : *note ? " " : "");
    if (count == 1) {
      add_text(note, size, words[told]);
      add_text(note, size, ": ");
    }
    add_text(note, size, name_of(&p->item[i]));
  }
  if (count > NAMES_MAX) {
    _cleanup_free_ char *more = must_format(" and %zu more", count - NAMES_MAX);
    add_text(note, size, more);
  }
  if (count)
    add_text(note, size, ".");
}

int files_plan_carry_out(struct files_plan *p, char *note, size_t size, struct error *e) {
  int r = fault(FAULT_files_write);
  if (r < 0)
    return error_set_errno(e, r, "cannot put the files back");
  for (size_t i = 0; i < p->count; i++)
    if (carry_out(&p->item[i], e) < 0)
      return -1;
  *note = 0;
  for (enum told t = 0; t < TOLD_COUNT; t++)
    tell(p, t, note, size);
  return 0;
}

void files_plan_free(struct files_plan *p) {
  if (!p)
    return;
  for (size_t i = 0; i < p->count; i++) {
    if (p->item[i].fd >= 0)
      (void)close(p->item[i].fd);
    if (p->item[i].aside)
      (void)unlink(p->item[i].aside);
    free(p->item[i].aside);
    free(p->item[i].path);
  }
  free(p->item);
  free(p->successor);
  free(p);
}
