// SPDX-License-Identifier: EPL-2.0
// Reading memory locks, and putting them back where they differ.
#include "resource/memory_locks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "proc/map_flags.h"
#include "proc/status.h"

static void add(struct memory_locks *l, const struct map_flags *m) {
  if (l->count && l->item[l->count - 1].end == m->start && l->item[l->count - 1].on_fault == m->locked_on_fault) {
    l->item[l->count - 1].end = m->end;
    return;
  }
  array_reserve(l->item, l->count, l->capacity);
  l->item[l->count++] = (struct locked_range){m->start, m->end, m->locked_on_fault};
}

static void take(const struct map_flags *list, size_t count, uint64_t area, struct memory_locks *ret) {
  for (size_t i = 0; i < count; i++) {
    const struct map_flags *m = &list[i];
    if (!(m->flags & MAP_LOCKED))
      continue;
    // The area may have grown together with a mapping of the program's, but for that it is locked alike.
    if (area >= m->start && area < m->end) {
      ret->future = true;
      ret->future_on_fault = m->locked_on_fault;
    }
    struct map_flags before = *m, behind = *m;
    before.end = area > m->start ? area < m->end ? area : m->end : m->start;
    behind.start = area + EXECUTOR_AREA < m->start ? m->start : area + EXECUTOR_AREA;
    if (area + EXECUTOR_AREA <= m->start || area >= m->end) {
      add(ret, m);
      continue;
    }
    if (before.start < before.end)
      add(ret, &before);
    if (behind.start < behind.end)
      add(ret, &behind);
  }
}

// The flags of mappings take a walk through all pages: they are read only where anything is locked.
int memory_locks_read(struct executor *x, struct memory_locks *ret, struct error *e) {
  _cleanup_free_ struct map_flags *list = NULL;
  struct process_status status;
  size_t count = 0;
  pid_t pid = executor_pid(x);
  *ret = (struct memory_locks){0};
  int r = status_read(pid, &status);
  if (r == 0 && !status.locked_kb)
    return 0;
  if (r == 0)
    r = map_flags_read(pid, &list, &count);
  if (r < 0)
    return error_set_errno(e, r, "cannot read which memory of process %d is locked", pid);
  take(list, count, executor_area(x), ret);
  return 0;
}

void memory_locks_done(struct memory_locks *l) {
  free(l->item);
  *l = (struct memory_locks){0};
}

static bool is_alike(const struct memory_locks *a, const struct memory_locks *b) {
  if (a->count != b->count || a->future != b->future || a->future_on_fault != b->future_on_fault)
    return false;
  for (size_t i = 0; i < a->count; i++)
    if (a->item[i].start != b->item[i].start || a->item[i].end != b->item[i].end ||
        a->item[i].on_fault != b->item[i].on_fault)
      return false;
  return true;
}

static int lock_all(struct executor *x, const struct memory_locks *then, struct error *e) {
  bool all = true;
  int64_t r = executor_call(x, e, SYS_munlockall, 0, 0, 0, 0, 0, 0);
  for (size_t i = 0; r != -EIO && i < then->count; i++) {
    const struct locked_range *l = &then->item[i];
    r = executor_call(x, e, SYS_mlock2, l->start, l->end - l->start, l->on_fault ? MLOCK_ONFAULT : 0, 0, 0, 0);
    all = all && r == 0;
  }
  if (r != -EIO && then->future)
    r = executor_call(x, e, SYS_mlockall, (uint64_t)(MCL_FUTURE | (then->future_on_fault ? MCL_ONFAULT : 0)), 0, 0, 0,
                      0, 0);
  return r == -EIO ? -1 : !all;
}

int memory_locks_put_back(struct executor *x, const struct memory_locks *then, struct error *e) {
  struct memory_locks now;
  int r = fault(FAULT_rewind_memory_locks);
  if (r < 0)
    return error_set_errno(e, r, "cannot put the memory locks of process %d back", executor_pid(x));
  if (memory_locks_read(x, &now, e) < 0)
    return -1;
  r = is_alike(&now, then) ? 0 : lock_all(x, then, e);
  memory_locks_done(&now);
  return r;
}
