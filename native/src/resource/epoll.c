// SPDX-License-Identifier: EPL-2.0
// epoll(7) sets.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/calls.h"
#include "proc/scope.h"
#include "resource/descriptors.h"

static bool epoll_matches(const struct descriptor *d) { return strcmp(d->link, "anon_inode:[eventpoll]") == 0; }

static const struct descriptor *find(const struct descriptors *all, int fd) {
  for (size_t i = 0; i < all->count; i++)
    if (all->item[i].fd == fd)
      return &all->item[i];
  return NULL;
}

// ---- capture ----

// Several files can be watched by one number, when it was closed and given to another.
static unsigned rank_of(const struct fdinfo *set, size_t index) {
  unsigned before = 0;
  for (size_t i = 0; i < index; i++)
    before += set->watch[i].fd == set->watch[index].fd;
  return before;
}

static bool is_watched(pid_t pid, int fd, int set, const struct fdinfo *info, size_t index) {
  return kernel_is_watched(pid, fd, pid, set, info->watch[index].fd, rank_of(info, index)) == 0;
}

static int holder_of(pid_t pid, const struct descriptors *all, const struct descriptor *d, size_t index) {
  const struct epoll_watch *w = &d->info.watch[index];
  int r = kernel_is_watched(pid, w->fd, pid, d->fd, w->fd, rank_of(&d->info, index));
  if (r == -EINVAL || r == -EOPNOTSUPP) {  // a kernel that cannot tell
    const struct descriptor *watched = find(all, w->fd);
    return watched && (!w->inode || watched->stat.st_ino == w->inode) ? w->fd : -1;
  }
  if (r == 0)
    return w->fd;
  for (size_t i = 0; i < all->count; i++)
    if ((!w->inode || all->item[i].stat.st_ino == w->inode) && is_watched(pid, all->item[i].fd, d->fd, &d->info, index))
      return all->item[i].fd;
  return -1;
}

static bool has_both(pid_t other, pid_t pid, const struct descriptor *d, size_t index) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  bool set = false, file = false;
  if (other == pid || descriptor_list(other, &list, &count) < 0)
    return false;
  for (size_t i = 0; i < count && !(set && file); i++) {
    set |= kernel_same_file(pid, d->fd, other, list[i]) == 0;
    file |= kernel_is_watched(other, list[i], pid, d->fd, d->info.watch[index].fd, rank_of(&d->info, index)) == 0;
  }
  return set && file;
}

// A set that was inherited watches also what its other owners have added. They put that back.
static bool is_of_other_owner(pid_t pid, const struct descriptor *d, size_t index) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count = 0;
  bool found = false;
  if (scope_list(&list, &count) < 0)
    return false;
  for (size_t i = 0; i < count && !found; i++)
    found = has_both(list[i], pid, d, index);
  return found;
}

static int epoll_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  for (size_t i = 0; i < d->info.watches; i++) {
    struct epoll_watch *w = &d->info.watch[i];
    w->holder = holder_of(pid, all, d, i);
    if (w->holder < 0 && !is_of_other_owner(pid, d, i))
      return error_set(e, ERROR_REFUSED,
                       "epoll set %d of process %d watches a file by the number %d, which has been closed or given to "
                       "another file since, and nobody who has the set has the file: remove it from the set first",
                       d->fd, pid, w->fd);
  }
  return 0;
}

// ---- the way back ----

static int epoll_reopen(const struct descriptor *d) {
  (void)d;
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

// A set as it is to be, and as it is.
struct mending {
  struct executor *x;
  const struct descriptors *all;
  const struct descriptor *d;
  struct fdinfo now;
  struct error *e;
};

static int64_t control(const struct mending *m, int operation, const struct epoll_watch *w) {
  struct batch *b = batch_new();
  struct epoll_event event = {.events = w->events, .data.u64 = w->data};
  size_t at = batch_data(b, &event, sizeof event);
  (void)CALL(b, SYS_epoll_ctl, NUMBER(m->d->fd), NUMBER(operation), NUMBER(w->fd), POINTER(at));
  int64_t r = executor_run(m->x, b, m->e) < 0 ? -EIO : batch_result(b, 0);
  batch_free(b);
  return r;
}

static int64_t call(const struct mending *m, long number, int64_t a, int64_t b, int64_t c) {
  return executor_call(m->x, m->e, number, (uint64_t)a, (uint64_t)b, (uint64_t)c, 0, 0, 0);
}

// The kernel knows a watched file by its number as well: for a moment the file gets the number that it had.
static int64_t control_by_number(const struct mending *m, int operation, const struct epoll_watch *w) {
  if (w->holder == w->fd)
    return control(m, operation, w);
  const struct descriptor *other = find(m->all, w->fd);
  int64_t saved = other ? call(m, SYS_fcntl, w->fd, F_DUPFD_CLOEXEC, 0) : -EBADF;
  int64_t r = other && saved < 0 ? saved : call(m, SYS_dup3, w->holder, w->fd, O_CLOEXEC);
  if (r >= 0)
    r = control(m, operation, w);
  if (saved >= 0) {
    (void)call(m, SYS_dup3, saved, w->fd, other->info.flags & O_CLOEXEC);
    (void)call(m, SYS_close, saved, 0, 0);
  } else {
    (void)call(m, SYS_close, w->fd, 0, 0);
  }
  return r;
}

// The watch of the living set on the file that `w` wants; -1: none.
static ssize_t find_living(const struct mending *m, const struct epoll_watch *w) {
  if (w->holder < 0)
    return -1;
  for (size_t i = 0; i < m->now.watches; i++)
    if (m->now.watch[i].fd == w->fd && is_watched(executor_pid(m->x), w->holder, m->d->fd, &m->now, i))
      return (ssize_t)i;
  return -1;
}

// What other owners have added is theirs.
static bool is_wanted(const struct mending *m, size_t index) {
  for (size_t i = 0; i < m->d->info.watches; i++) {
    const struct epoll_watch *w = &m->d->info.watch[i];
    if (w->fd == m->now.watch[index].fd && (w->holder < 0 || find_living(m, w) == (ssize_t)index))
      return true;
  }
  return false;
}

// False: what is watched cannot be reached any more, and so cannot be removed.
static bool remove_surplus(const struct mending *m) {
  for (size_t i = m->now.watches; i-- > 0;) {
    struct epoll_watch *w = &m->now.watch[i];
    if (is_wanted(m, i))
      continue;
    w->holder = is_watched(executor_pid(m->x), w->fd, m->d->fd, &m->now, i) ? w->fd : -1;
    for (size_t k = 0; w->holder < 0 && k < m->all->count; k++)
      if (is_watched(executor_pid(m->x), m->all->item[k].fd, m->d->fd, &m->now, i))
        w->holder = m->all->item[k].fd;
    if (w->holder < 0 || control_by_number(m, EPOLL_CTL_DEL, w) < 0)
      return false;
  }
  return true;
}

static int64_t add_missing(const struct mending *m) {
  for (size_t i = 0; i < m->d->info.watches; i++) {
    const struct epoll_watch *w = &m->d->info.watch[i];
    ssize_t at = find_living(m, w);
    if (w->holder < 0)
      continue;
    const struct epoll_watch *old = at >= 0 ? &m->now.watch[at] : NULL;
    if (old && old->events == w->events && old->data == w->data)
      continue;
    int64_t r = control_by_number(m, old ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w);
    if (r < 0)
      return r;
  }
  return 0;
}

static int look_again(struct mending *m) {
  fdinfo_done(&m->now);
  return fdinfo_read(executor_pid(m->x), m->d->fd, &m->now);
}

static int64_t mend(struct mending *m) {
  int64_t r = look_again(m);
  if (r == 0 && !remove_surplus(m)) {
    _cleanup_fd_ int fresh = epoll_reopen(m->d);
    r = fresh < 0 ? fresh : descriptor_replace(m->x, m->all, m->d, fresh, m->e) < 0 ? -EIO : 0;
  }
  if (r == 0)
    r = look_again(m);  // places have changed
  if (r == 0)
    r = add_missing(m);
  fdinfo_done(&m->now);
  return r;
}

static int epoll_settle(struct executor *x, const struct descriptors *all, const struct descriptor *d,
                        struct error *e) {
  struct mending m = {.x = x, .all = all, .d = d, .e = e};
  int64_t r = mend(&m);
  return r < 0 ? error_set_errno(e, (int)r, "cannot put back epoll set %d of process %d", d->fd, executor_pid(x)) : 0;
}

const struct descriptor_kind descriptor_epoll = {
    .name = "epoll",
    .matches = epoll_matches,
    .capture = epoll_capture,
    .reopen = epoll_reopen,
    .settle = epoll_settle,
};
