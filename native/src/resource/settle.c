// SPDX-License-Identifier: EPL-2.0
// Descriptors that lead to other processes of the session: they are right only when all of these are in place.
#include <fcntl.h>
#include <sys/syscall.h>

#include "resource/delivery.h"
#include "resource/descriptors.h"
#include "resource/proc_file.h"

// An epoll set waits only for what it watches, and only files of /proc tell of a process.
static bool waits(const struct descriptor *d) {
  if (d->kind == &descriptor_file)
    return proc_file_has_process(d->link);
  return d->kind->settle && d->kind != &descriptor_epoll;
}

bool descriptors_wait_for_others(const struct descriptors *all) {
  if (all->terminal.leads)
    return true;
  for (size_t i = 0; i < all->count; i++)
    if (waits(&all->item[i]))
      return true;
  return false;
}

// Twice: a set that is made anew is watched anew by those that watch it.
int descriptors_restore_sets(struct executor *x, const struct descriptors *all, struct error *e) {
  for (size_t i = 0; i < 2 * all->count; i++) {
    const struct descriptor *d = &all->item[i % all->count];
    if (d->kind == &descriptor_epoll && d->leader == (int)(i % all->count) && d->kind->settle(x, all, d, e) < 0)
      return -1;
  }
  return 0;
}

int descriptors_settle(struct executor *x, const struct descriptors *all, struct error *e) {
  if (!descriptors_wait_for_others(all))
    return 0;
  for (size_t i = 0; i < all->count; i++) {
    const struct descriptor *d = &all->item[i];
    if (d->leader == (int)i && waits(d) && d->kind->settle(x, all, d, e) < 0)
      return -1;
  }
  return controlling_terminal_settle(x, all, e) < 0 ? -1 : descriptors_restore_sets(x, all, e);
}

int descriptor_replace(struct executor *x, const struct descriptors *all, const struct descriptor *d, int fd,
                       struct error *e) {
  struct delivery *way;
  if (delivery_open(x, all, &way, e) < 0)
    return -1;
  int r = delivery_send(way, fd, d->fd, d->info.flags & O_CLOEXEC, e) < 0 ? -1 : 0;
  for (size_t i = 0; r == 0 && i < all->count; i++) {
    const struct descriptor *other = &all->item[i];
    if (other == d || &all->item[other->leader] != d)
      continue;
    int64_t dup = executor_call(x, e, SYS_dup3, (uint64_t)d->fd, (uint64_t)other->fd,
                                (uint64_t)(other->info.flags & O_CLOEXEC), 0, 0, 0);
    r = dup < 0 ? error_set_errno(e, (int)dup, "cannot place descriptor %d", other->fd) : 0;
  }
  return delivery_close(way, e) < 0 ? -1 : r;
}
