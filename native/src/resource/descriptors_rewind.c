// SPDX-License-Identifier: EPL-2.0
// The way back of the descriptor table of a process.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "kernel/calls.h"
#include "proc/leases.h"
#include "resource/delivery.h"
#include "resource/descriptors.h"
#include "resource/lock.h"
#include "resource/open_files.h"
#include "resource/shared_files.h"

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
  struct open_files kept;
};

// Two that were different open files, and are one now: the later one has to be opened again.
static bool became_one(struct descriptor_plan *plan, const struct descriptor *now) {
  size_t kept = plan->kept.count;
  (void)open_files_find(&plan->kept, plan->pid, now);
  return plan->kept.count == kept;
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
              descriptor_is_same(p->then, &p->now) && !became_one(plan, &p->now);
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
    const struct descriptor *d = descriptors_find(plan->then, list[i]);
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
  open_files_done(&plan->kept);
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
