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
#include "proc/leases.h"
#include "resource/delivery.h"
#include "resource/lock.h"
#include "resource/refusal.h"
#include "resource/shared_files.h"

static const struct descriptor_kind *const kinds[] = {
    &descriptor_pty_master, &descriptor_pty_slave, &descriptor_mqueue, &descriptor_file,
    &descriptor_pipe,       &descriptor_eventfd,   &descriptor_epoll,  &descriptor_timerfd,
    &descriptor_signalfd,   &descriptor_inotify,   &descriptor_pidfd,  &descriptor_socket,
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

static int pin_descriptor(pid_t pid, struct descriptor *d) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, d->fd);
  d->pin = open(path, O_PATH | O_CLOEXEC);
  return d->pin < 0 ? -errno : 0;
}

static bool may_share(const struct descriptor *a, const struct descriptor *b) {
  return a->kind == b->kind && a->stat.st_dev == b->stat.st_dev && a->stat.st_ino == b->stat.st_ino;
}

static int leader_of(pid_t pid, const struct descriptors *all, size_t index) {
  const struct descriptor *d = &all->item[index];
  for (size_t i = 0; i < index; i++) {
    const struct descriptor *other = &all->item[i];
    if (other->leader == (int)i && may_share(other, d) && kernel_same_file(pid, other->fd, pid, d->fd) == 0)
      return (int)i;
  }
  return (int)index;
}

// The caller's own socket: it belongs to the world outside, and has been there all the time.
static bool is_of_caller(const struct descriptors *all, const struct descriptor *d) {
  if (!S_ISSOCK(d->stat.st_mode))
    return false;
  const struct socket_state *s = sockets_find_inode(all->sockets, d->stat.st_ino);
  return s ? s->of_caller : d->fd <= 2;
}

static int capture_one(pid_t pid, bool keeps_unknown, struct descriptors *all, size_t index, struct error *e) {
  struct descriptor *d = &all->item[index];
  d->kind = kind_of(d);
  if ((keeps_unknown && (!d->kind || d->kind == &descriptor_socket)) || is_of_caller(all, d))
    d->kind = &descriptor_kept;
  if (!d->kind)
    return refuse_descriptor(pid, d, e);
  d->leader = leader_of(pid, all, index);
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
  *ret = (struct descriptors){.writers = writers, .sockets = sockets_retain(sockets)};
  if (!sockets && !keeps_unknown && sockets_capture(&pid, 1, &ret->sockets, e) < 0)
    return -1;
  controlling_terminal_capture(pid, &ret->terminal);
  int r = descriptor_list(pid, &list, &count);
  if (r < 0)
    return error_set_errno(e, r, "cannot list the descriptors of process %d", pid);
  r = read_all(pid, list, count, ret, e);
  for (size_t i = 0; r == 0 && i < count; i++)
    r = capture_one(pid, keeps_unknown, ret, i, e);
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

// ---- the way back ----

// One descriptor of the snapshot, and what is to be done for it.
struct placement {
  const struct descriptor *then;
  int opened;  // to be sent to the process; -1: none
  bool kept;   // the living descriptor of this number is it still
  bool late;   // opened only when leases have been given up, which an open(2) would break
  struct descriptor now;
};

struct descriptor_plan {
  pid_t pid;
  const struct descriptors *then;
  struct placement *item;
  int *surplus;  // numbers to close
  size_t surplus_count;
};

static const struct descriptor *find(const struct descriptors *all, int fd) {
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

bool descriptor_is_same(const struct descriptor *then, struct descriptor *now) {
  now->kind = then->kind == &descriptor_kept ? then->kind : kind_of(now);
  if (!now->kind)
    now->kind = &descriptor_kept;
  enum { FIXED = O_ACCMODE | O_PATH };
  return now->kind == then->kind && (now->info.flags & FIXED) == (then->info.flags & FIXED) &&
         (!then->kind->same || then->kind->same(then, now));
}

// Two that were different open files, and are one now: the later one has to be opened again.
static bool became_one(const struct descriptor_plan *plan, size_t index) {
  for (size_t i = 0; i < index; i++) {
    const struct placement *p = &plan->item[i];
    if (p->kept && p->then->leader == (int)i && may_share(p->then, plan->item[index].then) &&
        kernel_same_file(plan->pid, p->then->fd, plan->pid, plan->item[index].then->fd) == 0)
      return true;
  }
  return false;
}

// What several share is the one that was chosen for all; what a new process has inherited is its parent's.
static bool may_be_kept(const struct descriptor_plan *plan, const struct descriptor *then) {
  const struct shared_files *shared = plan->then->shared;
  if (!shared)
    return true;
  return then->file ? shared_files_chosen(shared, then->file, plan->pid, then->fd) : shared->made != plan->pid;
}

static void plan_one(struct descriptor_plan *plan, size_t index) {
  struct placement *p = &plan->item[index];
  int leader = p->then->leader;
  if (leader == (int)index) {
    p->kept = descriptor_read(plan->pid, p->then->fd, &p->now) == 0 && may_be_kept(plan, p->then) &&
              descriptor_is_same(p->then, &p->now) && !became_one(plan, index);
    return;
  }
  const struct placement *first = &plan->item[leader];
  p->kept = first->kept && descriptor_read(plan->pid, p->then->fd, &p->now) == 0 &&
            kernel_same_file(plan->pid, first->then->fd, plan->pid, p->then->fd) == 0;
}

static bool waits_for_lease(const struct placement *p) {
  return p->then->kind == &descriptor_file && S_ISREG(p->then->stat.st_mode) && !(p->then->info.flags & O_PATH) &&
         file_has_lease(p->then->stat.st_dev, p->then->stat.st_ino);
}

static int open_again(struct descriptor_plan *plan, size_t index, struct error *e) {
  struct placement *p = &plan->item[index];
  if (p->kept || p->then->leader != (int)index || (p->late = !p->late && waits_for_lease(p)))
    return 0;
  struct shared_files *shared = p->then->file ? plan->then->shared : NULL;
  int r = fault(FAULT_rewind_open);
  if (r == 0 && shared && shared_files_take(shared, p->then->file, &p->opened))
    return 0;
  if (r == 0)
    r = p->then->kind->reopen(p->then);
  if (r < 0 && p->then->lent >= 0) {
    int again = fcntl(p->then->lent, F_DUPFD_CLOEXEC, 3);
    r = again < 0 ? r : again;
  }
  if (r < 0)
    return error_set_errno(e, r, "cannot open %s (descriptor %d) again", p->then->link, p->then->fd);
  p->opened = r;
  if (shared)
    shared_files_choose(shared, p->then->file, r);
  return 0;
}

static int find_surplus(struct descriptor_plan *plan) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  int r = descriptor_list(plan->pid, &list, &count);
  if (r < 0)
    return r;
  plan->surplus = must_alloc((count + 1) * sizeof *plan->surplus);
  for (size_t i = 0; i < count; i++) {
    const struct descriptor *d = find(plan->then, list[i]);
    if (!d || !plan->item[d - plan->then->item].kept)
      plan->surplus[plan->surplus_count++] = list[i];
  }
  return 0;
}

int descriptors_plan(pid_t pid, const struct descriptors *then, struct descriptor_plan **ret, struct error *e) {
  struct descriptor_plan *plan = must_alloc(sizeof *plan);
  *plan = (struct descriptor_plan){.pid = pid, .then = then};
  plan->item = must_alloc((then->count + 1) * sizeof *plan->item);
  for (size_t i = 0; i < then->count; i++)
    plan->item[i] = (struct placement){.then = &then->item[i], .opened = -1, .now.pin = -1};
  int r = 0;
  for (size_t i = 0; i < then->count; i++)
    plan_one(plan, i);
  for (size_t i = 0; r == 0 && i < then->count; i++)
    r = locks_are_free(&then->item[i], pid, e) < 0 ? -1 : open_again(plan, i, e);
  if (r == 0 && (r = find_surplus(plan)) < 0)
    r = error_set_errno(e, r, "cannot list the descriptors of process %d", pid);
  if (r < 0) {
    descriptor_plan_free(plan);
    return -1;
  }
  *ret = plan;
  return 0;
}

void descriptor_plan_free(struct descriptor_plan *plan) {
  if (!plan)
    return;
  for (size_t i = 0; i < plan->then->count; i++) {
    struct placement *p = &plan->item[i];
    if (p->opened >= 0)
      (void)close(p->opened);
    free(p->now.link);
    fdinfo_done(&p->now.info);
  }
  free(plan->item);
  free(plan->surplus);
  free(plan);
}

static int close_surplus(struct executor *x, const struct descriptor_plan *plan, struct error *e) {
  struct batch *b = batch_new();
  int r = 0;
  for (size_t i = 0; r == 0 && i < plan->surplus_count;) {
    batch_clear(b);
    for (; i < plan->surplus_count && batch_has_room(b, 1, 0); i++)
      (void)CALL(b, SYS_close, NUMBER(plan->surplus[i]));
    r = executor_run(x, b, e);
  }
  batch_free(b);
  return r;
}

// The position, status flags and close-on-exec flag of one that was kept.
static void add_mending(struct batch *b, const struct placement *p) {
  const struct fdinfo *then = &p->then->info, *now = &p->now.info;
  enum { CHANGEABLE = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME };
  if ((then->flags ^ now->flags) & CHANGEABLE)
    (void)CALL(b, SYS_fcntl, NUMBER(p->then->fd), NUMBER(F_SETFL), NUMBER(then->flags & CHANGEABLE));
  if ((then->flags ^ now->flags) & O_CLOEXEC)
    (void)CALL(b, SYS_fcntl, NUMBER(p->then->fd), NUMBER(F_SETFD), NUMBER(then->flags & O_CLOEXEC ? FD_CLOEXEC : 0));
  if (then->position != now->position && p->then->kind == &descriptor_file && !S_ISCHR(p->then->stat.st_mode))
    (void)CALL(b, SYS_lseek, NUMBER(p->then->fd), NUMBER(then->position), NUMBER(SEEK_SET));
}

static int mend_kept(struct executor *x, const struct descriptor_plan *plan, struct error *e) {
  struct batch *b = batch_new();
  int r = 0;
  for (size_t i = 0; r == 0 && i < plan->then->count; i++) {
    if (plan->item[i].kept)
      add_mending(b, &plan->item[i]);
    if (batch_has_room(b, 3, 0) && i + 1 < plan->then->count)
      continue;
    r = executor_run(x, b, e);
    batch_clear(b);
  }
  batch_free(b);
  return r;
}

// The leases of surplus descriptors have gone with them.
static int open_late(struct executor *x, struct descriptor_plan *plan, struct error *e) {
  bool has_given_up = false;
  for (size_t i = 0; i < plan->then->count; i++) {
    if (!plan->item[i].late)
      continue;
    for (size_t k = 0; !has_given_up && k < plan->then->count; k++)
      if (plan->item[k].kept && plan->then->item[k].leader == (int)k && S_ISREG(plan->then->item[k].stat.st_mode) &&
          locks_give_up(x, &plan->then->item[k], e) < 0)
        return -1;
    has_given_up = true;
    if (open_again(plan, i, e) < 0)
      return -1;
  }
  return 0;
}

static int place_missing(struct executor *x, const struct descriptor_plan *plan, unsigned *ret_placed,
                         struct error *e) {
  struct delivery *way = NULL;
  int r = 0;
  for (size_t i = 0; r == 0 && i < plan->then->count; i++) {
    const struct placement *p = &plan->item[i];
    if (p->kept)
      continue;
    (*ret_placed)++;
    int cloexec = p->then->info.flags & O_CLOEXEC;
    if (p->then->leader != (int)i) {
      int64_t dup = executor_call(x, e, SYS_dup3, (uint64_t)plan->then->item[p->then->leader].fd, (uint64_t)p->then->fd,
                                  (uint64_t)cloexec, 0, 0, 0);
      r = dup < 0 ? error_set_errno(e, (int)dup, "cannot place descriptor %d", p->then->fd) : 0;
      continue;
    }
    if (!way)
      r = delivery_open(x, plan->then, &way, e);
    if (r == 0)
      r = delivery_send(way, p->opened, p->then->fd, cloexec, e) < 0 ? -1 : 0;
  }
  return delivery_close(way, e) < 0 ? -1 : r;
}

static int restore_locks(struct executor *x, const struct descriptor_plan *plan,
                         int (*change)(struct executor *, const struct descriptor *, struct error *), struct error *e) {
  for (size_t i = 0; i < plan->then->count; i++) {
    const struct descriptor *d = plan->item[i].then;
    if (d->leader == (int)i && S_ISREG(d->stat.st_mode) && change(x, d, e) < 0)
      return -1;
  }
  return 0;
}

static int restore_contents(struct executor *x, const struct descriptor_plan *plan, struct error *e) {
  for (size_t i = 0; i < plan->then->count; i++) {
    const struct descriptor *d = plan->item[i].then;
    if (d->leader == (int)i && d->kind->restore && d->kind->restore(x, d, e) < 0)
      return -1;
  }
  return descriptors_restore_sets(x, plan->then, e);
}

int descriptors_put_back(struct executor *x, struct descriptor_plan *plan, unsigned *ret_changed, struct error *e) {
  int r = fault(FAULT_rewind_descriptors);
  if (r < 0)
    return error_set_errno(e, r, "cannot put the descriptors of process %d back", plan->pid);
  unsigned placed = 0;
  if (close_surplus(x, plan, e) < 0 || mend_kept(x, plan, e) < 0 || open_late(x, plan, e) < 0 ||
      place_missing(x, plan, &placed, e) < 0 || controlling_terminal_put_back(x, plan->then, e) < 0 ||
      restore_contents(x, plan, e) < 0 || restore_locks(x, plan, locks_give_up, e) < 0 ||
      restore_locks(x, plan, locks_take, e) < 0)
    return -1;
  *ret_changed = placed + (unsigned)plan->surplus_count;
  return 0;
}
