// SPDX-License-Identifier: EPL-2.0
// Reading the descriptor table of a process.
#include "resource/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "kernel/calls.h"
#include "resource/lock.h"
#include "resource/open_files.h"
#include "resource/refusal.h"

static const struct descriptor_kind *const kinds[] = {
    &descriptor_pty_master, &descriptor_pty_slave, &descriptor_mqueue,  &descriptor_file,     &descriptor_pipe,
    &descriptor_eventfd,    &descriptor_epoll,     &descriptor_timerfd, &descriptor_signalfd, &descriptor_inotify,
    &descriptor_fanotify,   &descriptor_pidfd,     &descriptor_socket,
};

// Anything else of a debugger: its sockets to us, say.
static bool kept_same(const struct descriptor *then, const struct descriptor *now) {
  return strcmp(then->link, now->link) == 0;
}

static int kept_reopen(const struct descriptor *d) {
  (void)d;
  return -EOPNOTSUPP;
}

const struct descriptor_kind descriptor_kept = {.name = "kept", .same = kept_same, .reopen = kept_reopen};

static const struct descriptor_kind *kind_of(const struct descriptor *d) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i]->matches(d))
      return kinds[i];
  return NULL;
}

int pin_open(int pin, int flags) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", pin);
  int fd = open(path, flags | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int descriptor_read(pid_t pid, int fd, struct descriptor *d) {
  char path[64];
  *d = (struct descriptor){.fd = fd, .owner = pid, .pin = -1, .lent = -1};
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
  int r = descriptor_link(pid, fd, &d->link);
  if (r == 0)
    r = fdinfo_read(pid, fd, &d->info);
  return r == 0 && stat(path, &d->stat) < 0 ? -errno : r;
}

const struct descriptor *descriptors_find(const struct descriptors *all, int fd) {
  for (size_t low = 0, high = all->count; low < high;) {
    size_t middle = (low + high) / 2;
    if (all->item[middle].fd == fd)
      return &all->item[middle];
    if (all->item[middle].fd < fd)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static int pin_descriptor(pid_t pid, struct descriptor *d) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, d->fd);
  d->pin = open(path, O_PATH | O_CLOEXEC);
  return d->pin < 0 ? -errno : 0;
}

static int leader_of(pid_t pid, struct open_files *met, const struct descriptors *all, const struct descriptor *d) {
  return (int)(descriptors_find(all, open_files_find(met, pid, d)->fd) - all->item);
}

// The caller's own socket: it belongs to the world outside, and has been there all the time.
static bool is_of_caller(const struct descriptors *all, const struct descriptor *d) {
  if (!S_ISSOCK(d->stat.st_mode))
    return false;
  const struct socket_state *s = sockets_find_inode(all->sockets, d->stat.st_ino);
  return s ? s->of_caller : d->fd <= 2;
}

static int capture_one(pid_t pid, bool keeps_unknown, struct open_files *met, struct descriptors *all, size_t index,
                       struct error *e) {
  struct descriptor *d = &all->item[index];
  d->kind = kind_of(d);
  if ((keeps_unknown && (!d->kind || d->kind == &descriptor_socket)) || is_of_caller(all, d))
    d->kind = &descriptor_kept;
  if (!d->kind)
    return refuse_descriptor(pid, d, e);
  d->leader = leader_of(pid, met, all, d);
  if (locks_survey(pid, d, e) < 0)
    return -1;
  if (d->leader != (int)index)
    return 0;
  return d->kind->capture ? d->kind->capture(pid, all, d, e) : 0;
}

// Pins first, for all: a kind's capture may look at the other end of a pipe.
static int read_all(pid_t pid, const int *list, size_t count, struct descriptors *ret, struct error *e) {
  ret->item = must_alloc(count * sizeof *ret->item);
  for (size_t i = 0; i < count; i++) {
    struct descriptor *d = &ret->item[ret->count];
    *d = (struct descriptor){.fd = list[i], .pin = -1, .lent = -1};
    int r = fault(FAULT_capture_descriptors);
    if (r == 0)
      r = descriptor_read(pid, list[i], d);
    ret->count++;
    if (r == 0 && strncmp(d->link, "anon_inode:", 11) != 0 && strncmp(d->link, "socket:", 7) != 0)
      r = pin_descriptor(pid, d);
    if (r < 0)
      return error_set_errno(e, r, "cannot read descriptor %d of process %d", list[i], pid);
  }
  return 0;
}

// Of kinds whose contents come back by a descriptor of the process, a queue cannot bring them back.
static bool can_be_in_flight(const struct descriptor_kind *kind) {
  return kind == &descriptor_file || kind == &descriptor_pipe || kind == &descriptor_eventfd ||
         kind == &descriptor_socket;
}

int descriptor_in_flight(int fd, struct sockets *all, struct descriptor *ret, struct error *e) {
  struct descriptors alone = {.item = ret, .count = 1, .sockets = all};
  int r = descriptor_read(getpid(), fd, ret);
  ret->lent = fd;
  ret->kind = r == 0 ? kind_of(ret) : NULL;
  if (r == 0 && strncmp(ret->link, "anon_inode:", 11) != 0 && ret->kind != &descriptor_socket)
    r = pin_descriptor(getpid(), ret);
  if (r < 0)
    return error_set_errno(e, r, "cannot read a file that is on its way through a socket");
  if (!can_be_in_flight(ret->kind))
    return error_set(e, ERROR_REFUSED,
                     "%s is on its way through a socket, which snapshots cannot hold yet: let the program receive it "
                     "first",
                     ret->link);
  if (!all)
    return 0;
  if (ret->kind == &descriptor_socket && !sockets_add_living(all, fd, 0, e))
    return -1;
  return ret->kind->capture ? ret->kind->capture(getpid(), &alone, ret, e) : 0;
}

int descriptors_capture(pid_t pid, bool keeps_unknown, const struct pipe_ends *writers, struct sockets *sockets,
                        struct descriptors *ret, struct error *e) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  struct open_files met = {0};
  *ret = (struct descriptors){.writers = writers, .sockets = sockets_retain(sockets)};
  if (!sockets && !keeps_unknown && sockets_capture(&pid, 1, &ret->sockets, e) < 0)
    return -1;
  controlling_terminal_capture(pid, &ret->terminal);
  int r = descriptor_list(pid, &list, &count);
  if (r < 0)
    return error_set_errno(e, r, "cannot list the descriptors of process %d", pid);
  r = read_all(pid, list, count, ret, e);
  for (size_t i = 0; r == 0 && i < count; i++)
    r = capture_one(pid, keeps_unknown, &met, ret, i, e);
  open_files_done(&met);
  ret->writers = NULL;
  if (r < 0)
    descriptors_done(ret);
  return r;
}

static bool is_shared_with(const struct descriptor *d, const struct descriptor *other) {
  return d->stat.st_dev == other->stat.st_dev && d->stat.st_ino == other->stat.st_ino &&
         (d->info.flags & O_ACCMODE) == (other->info.flags & O_ACCMODE);
}

static bool opens_again(const struct descriptor *d) {
  _cleanup_fd_ int fd = d->kind->reopen(d);
  return fd >= 0;
}

// No more than what is needed: a lock stays with the open file that is lent, and bars the process built anew from it.
static void borrow_one(struct descriptors *all, int pidfd, const struct descriptor *theirs) {
  for (size_t i = 0; i < all->count; i++) {
    struct descriptor *d = &all->item[i];
    if (d->leader == (int)i && d->lent < 0 && is_shared_with(d, theirs) && !opens_again(d))
      d->lent = kernel_pidfd_getfd(pidfd, theirs->fd);
  }
}

void descriptors_borrow(struct descriptors *d, pid_t lender) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  _cleanup_fd_ int pidfd = kernel_pidfd_open(lender);
  if (pidfd < 0 || descriptor_list(lender, &list, &count) < 0)
    return;
  for (size_t i = 0; i < count; i++) {
    struct descriptor theirs;
    if (descriptor_read(lender, list[i], &theirs) == 0)
      borrow_one(d, pidfd, &theirs);
    free(theirs.link);
    fdinfo_done(&theirs.info);
  }
}

void descriptors_return(struct descriptors *d) {
  for (size_t i = 0; i < d->count; i++) {
    if (d->item[i].lent >= 0)
      (void)close(d->item[i].lent);
    d->item[i].lent = -1;
  }
}

void descriptor_done(struct descriptor *d) {
  free(d->link);
  free(d->bytes);
  fdinfo_done(&d->info);
  if (d->own && d->kind->done)
    d->kind->done(d);
  cleanup_fd(&d->pin);
  cleanup_fd(&d->lent);
}

void descriptors_done(struct descriptors *d) {
  descriptors_return(d);
  for (size_t i = 0; i < d->count; i++)
    descriptor_done(&d->item[i]);
  free(d->item);
  sockets_release(d->sockets);
  *d = (struct descriptors){0};
}

bool descriptor_is_same(const struct descriptor *then, struct descriptor *now) {
  now->kind = then->kind == &descriptor_kept ? then->kind : kind_of(now);
  if (!now->kind)
    now->kind = &descriptor_kept;
  enum { FIXED = O_ACCMODE | O_PATH };
  return now->kind == then->kind && (now->info.flags & FIXED) == (then->info.flags & FIXED) &&
         (!then->kind->same || then->kind->same(then, now));
}
