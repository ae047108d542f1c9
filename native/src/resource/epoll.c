// SPDX-License-Identifier: EPL-2.0
// epoll(7) sets.
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "resource/descriptors.h"

static bool epoll_matches(const struct descriptor *d) { return strcmp(d->link, "anon_inode:[eventpoll]") == 0; }

static const struct descriptor *find(const struct descriptors *all, int fd) {
  for (size_t i = 0; i < all->count; i++)
    if (all->item[i].fd == fd)
      return &all->item[i];
  return NULL;
}

// A watch whose descriptor was closed while another one kept the file open cannot be made again.
static int epoll_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  for (size_t i = 0; i < d->info.watches; i++) {
    const struct epoll_watch *w = &d->info.watch[i];
    const struct descriptor *watched = find(all, w->fd);
    if (!watched || (w->inode && watched->stat.st_ino != w->inode))
      return error_set(e, ERROR_REFUSED,
                       "epoll set %d of process %d watches a file by the number %d, which has been closed or given to "
                       "another file since: remove it from the set first",
                       d->fd, pid, w->fd);
  }
  return 0;
}

static int epoll_reopen(const struct descriptor *d) {
  (void)d;
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static const struct epoll_watch *find_watch(const struct fdinfo *i, int fd) {
  for (size_t k = 0; k < i->watches; k++)
    if (i->watch[k].fd == fd)
      return &i->watch[k];
  return NULL;
}

static int64_t control(struct executor *x, int epoll, int operation, const struct epoll_watch *w, struct error *e) {
  struct batch *b = batch_new();
  struct epoll_event event = {.events = w->events, .data.u64 = w->data};
  size_t at = batch_data(b, &event, sizeof event);
  (void)CALL(b, SYS_epoll_ctl, NUMBER(epoll), NUMBER(operation), NUMBER(w->fd), POINTER(at));
  int64_t r = executor_run(x, b, e) < 0 ? -EIO : batch_result(b, 0);
  batch_free(b);
  return r;
}

static int64_t mend(struct executor *x, int epoll, const struct fdinfo *then, const struct fdinfo *now,
                    struct error *e) {
  for (size_t i = 0; i < now->watches; i++)
    if (!find_watch(then, now->watch[i].fd))
      (void)control(x, epoll, EPOLL_CTL_DEL, &now->watch[i], e);
  for (size_t i = 0; i < then->watches; i++) {
    const struct epoll_watch *w = &then->watch[i], *old = find_watch(now, w->fd);
    if (old && old->events == w->events && old->data == w->data)
      continue;
    int64_t r = control(x, epoll, old ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w, e);
    if (r < 0)
      return r;
  }
  return 0;
}

static int epoll_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  struct fdinfo now;
  int64_t r = fdinfo_read(executor_pid(x), d->fd, &now);
  if (r == 0) {
    r = mend(x, d->fd, &d->info, &now, e);
    fdinfo_done(&now);
  }
  return r < 0 ? error_set_errno(e, (int)r, "cannot put back epoll set %d of process %d", d->fd, executor_pid(x)) : 0;
}

const struct descriptor_kind descriptor_epoll = {
    .name = "epoll",
    .matches = epoll_matches,
    .capture = epoll_capture,
    .reopen = epoll_reopen,
    .restore = epoll_restore,
};
