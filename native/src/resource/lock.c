// SPDX-License-Identifier: EPL-2.0
// Locks on files.
#include "resource/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/calls.h"
#include "proc/leases.h"

static int read_signal(pid_t pid, const struct descriptor *d) {
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  _cleanup_fd_ int fd = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, d->fd);
  int signal = fd < 0 ? 0 : fcntl(fd, F_GETSIG);
  return signal < 0 ? 0 : signal;
}

int locks_survey(pid_t pid, struct descriptor *d, struct error *e) {
  for (size_t i = 0; i < d->info.locks; i++) {
    struct file_lock *l = &d->info.lock[i];
    if (l->kind == LOCK_OTHER)
      return error_set(
          e, ERROR_REFUSED,
          "descriptor %d of process %d (%s) holds a lease that another process waits for: give it up first", d->fd, pid,
          d->link);
    if (l->kind == LOCK_LEASE)
      l->signal = read_signal(pid, d);
  }
  return 0;
}

// ---- is it free? ----

static struct flock range_of(const struct file_lock *l, short type) {
  off_t length = l->end == UINT64_MAX ? 0 : (off_t)(l->end - l->start + 1);
  return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)l->start, .l_len = length};
}

static short type_of(const struct file_lock *l) { return l->writes ? F_WRLCK : F_RDLCK; }

static bool is_taken(int fd, const struct file_lock *l) {
  if (l->kind == LOCK_OF_FLOCK)
    return flock(fd, (l->writes ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0 && errno == EWOULDBLOCK;
  struct flock asked = range_of(l, type_of(l));
  return fcntl(fd, F_OFD_GETLK, &asked) == 0 && asked.l_type != F_UNLCK;
}

// What is taken by the program itself is given back before it is wanted.
static bool is_own(pid_t pid, const struct descriptor *then) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  bool own = false;
  if (descriptor_list(pid, &list, &count) < 0)
    return false;
  for (size_t i = 0; i < count && !own; i++) {
    struct fdinfo now;
    if (fdinfo_read(pid, list[i], &now) < 0)
      continue;
    own = now.locks && now.inode == then->info.inode;
    fdinfo_done(&now);
  }
  return own;
}

int locks_are_free(const struct descriptor *then, pid_t pid, struct error *e) {
  for (size_t i = 0; i < then->info.locks; i++) {
    if (then->info.lock[i].kind == LOCK_LEASE || file_has_lease(then->stat.st_dev, then->stat.st_ino))
      continue;  // to open the file would break the lease
    _cleanup_fd_ int fd = pin_open(then->pin, O_RDONLY);
    if (fd >= 0 && is_taken(fd, &then->info.lock[i]) && !is_own(pid, then))
      return error_set(
          e, ERROR_REFUSED,
          "the program had a lock on %s (descriptor %d), which another process has now: rewind when it has "
          "been given back",
          then->link, then->fd);
  }
  return 0;
}

// ---- the way back ----

static bool are_equal(const struct fdinfo *a, const struct fdinfo *b) {
  if (a->locks != b->locks)
    return false;
  for (size_t i = 0; i < a->locks; i++) {
    const struct file_lock *x = &a->lock[i], *y = &b->lock[i];
    if (x->kind != y->kind || x->writes != y->writes || x->start != y->start || x->end != y->end)
      return false;
  }
  return true;
}

static void add(struct batch *b, int fd, const struct file_lock *l, bool gives_up) {
  if (l->kind == LOCK_LEASE) {
    (void)CALL(b, SYS_fcntl, NUMBER(fd), NUMBER(F_SETLEASE), NUMBER(gives_up ? F_UNLCK : type_of(l)));
    return;
  }
  if (l->kind == LOCK_OF_FLOCK) {
    (void)CALL(b, SYS_flock, NUMBER(fd), NUMBER((gives_up ? LOCK_UN : l->writes ? LOCK_EX : LOCK_SH) | LOCK_NB));
    return;
  }
  struct flock range = range_of(l, gives_up ? F_UNLCK : type_of(l));
  size_t at = batch_data(b, &range, sizeof range);
  int operation = l->kind == LOCK_OF_OPEN_FILE ? F_OFD_SETLK : F_SETLK;
  (void)CALL(b, SYS_fcntl, NUMBER(fd), NUMBER(operation), POINTER(at));
}

static int run(struct executor *x, const struct descriptor *then, const struct fdinfo *locks, bool gives_up,
               struct error *e) {
  struct batch *b = batch_new();
  int r = 0;
  for (size_t i = 0; r == 0 && i < locks->locks; i++) {
    batch_clear(b);
    add(b, then->fd, &locks->lock[i], gives_up);
    r = executor_run(x, b, e);
    // A lease that cannot be had any more, for others have the file open, is lost.
    if (r == 0 && batch_result(b, 0) < 0 && locks->lock[i].kind != LOCK_LEASE)
      r = error_set_errno(e, (int)batch_result(b, 0), "cannot lock %s (descriptor %d) again", then->link, then->fd);
  }
  batch_free(b);
  return r;
}

static int set_signals(struct executor *x, const struct descriptor *then, struct error *e) {
  int64_t r = 0;
  for (size_t i = 0; r >= 0 && i < then->info.locks; i++)
    if (then->info.lock[i].kind == LOCK_LEASE)
      r = executor_call(x, e, SYS_fcntl, (uint64_t)then->fd, F_SETSIG, (uint64_t)then->info.lock[i].signal, 0, 0, 0);
  return r == -EIO ? -1 : 0;
}

static int change(struct executor *x, const struct descriptor *then, bool gives_up, struct error *e) {
  struct fdinfo now;
  int r = fdinfo_read(executor_pid(x), then->fd, &now);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the locks of descriptor %d", then->fd);
  if (!are_equal(&then->info, &now))
    r = run(x, then, gives_up ? &now : &then->info, gives_up, e);
  fdinfo_done(&now);
  return r;
}

int locks_give_up(struct executor *x, const struct descriptor *then, struct error *e) {
  return change(x, then, true, e);
}

int locks_take(struct executor *x, const struct descriptor *then, struct error *e) {
  return change(x, then, false, e) < 0 ? -1 : set_signals(x, then, e);
}
