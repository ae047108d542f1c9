// SPDX-License-Identifier: EPL-2.0
// Adjustments of semaphores (SEM_UNDO), which the kernel tells nobody.
//
// An operation that would bring an adjustment out of its range fails with ERANGE; one that would have to wait fails
// with EAGAIN, if it comes so far. So the process tries to change the adjustment by so much and then to take more than
// any semaphore has: nothing is changed, and the answer says on which side of a border the adjustment is.
#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "resource/system_v.h"

enum {
  MOST = 32767,       // a semaphore, and an adjustment
  LEAST = -MOST - 1,  // an adjustment
  OPERATIONS = 10,    // of one probe
  PROBES_AT_ONCE = 100,
};

// Two threads that have no list of adjustments count as having the same one, and we have none.
static bool has_none(pid_t pid) { return syscall(SYS_kcmp, getpid(), pid, KCMP_SYSVSEM, 0, 0) == 0; }

// Operations of one semaphore that change its adjustment by `change` and leave its value as it is; all at once, or
// none.
static size_t build(struct sembuf *op, unsigned short number, int value, int change) {
  size_t n = 0;
  if (value)
    op[n++] = (struct sembuf){number, (short)-value, 0};
  while (change) {
    int part = change > MOST ? MOST : change < -MOST ? -MOST : change;
    change -= part;
    // What is added to the semaphore with SEM_UNDO is taken from the adjustment.
    if (part < 0) {
      op[n++] = (struct sembuf){number, (short)-part, SEM_UNDO};
      op[n++] = (struct sembuf){number, (short)part, 0};
    } else {
      op[n++] = (struct sembuf){number, (short)part, 0};
      op[n++] = (struct sembuf){number, (short)-part, SEM_UNDO};
    }
  }
  if (value)
    op[n++] = (struct sembuf){number, (short)value, 0};
  return n;
}

static void add_operations(struct batch *b, int id, const struct sembuf *op, size_t count) {
  size_t at = batch_data(b, op, count * sizeof *op);
  (void)CALL(b, SYS_semop, NUMBER(id), POINTER(at), NUMBER(count));
}

// Answers whether the adjustment, changed by `change`, would still be in its range.
static void add_probe(struct batch *b, const struct system_v_object *o, unsigned number, int change) {
  struct sembuf op[OPERATIONS];
  size_t n = build(op, (unsigned short)number, o->value[number], change);
  op[n++] = (struct sembuf){(unsigned short)number, LEAST, IPC_NOWAIT};
  add_operations(b, o->id, op, n);
}

// ---- reading ----

// The largest change that keeps it in range is MOST - adjustment.
static int measure(struct executor *x, const struct system_v_object *o, unsigned number, int *ret, struct error *e) {
  int low = 0, high = MOST - LEAST, r = 0;
  struct batch *b = batch_new();
  while (r == 0 && low < high) {
    int middle = (low + high + 1) / 2;
    batch_clear(b);
    add_probe(b, o, number, middle);
    r = executor_run(x, b, e);
    if (batch_result(b, 0) == -EAGAIN)
      low = middle;
    else
      high = middle - 1;
  }
  batch_free(b);
  *ret = MOST - low;
  return r;
}

static void keep(struct semaphore_adjustments *all, int id, unsigned number, int value) {
  array_reserve(all->item, all->count, all->capacity);
  all->item[all->count++] = (struct semaphore_adjustment){id, (int)number, value};
}

// Those that are 0, nearly all, are known by two probes; a process that may not use the set has none.
static bool is_zero(const struct batch *b, unsigned index) {
  int64_t up = batch_result(b, 2 * index), down = batch_result(b, 2 * index + 1);
  return (up == -EAGAIN && down == -EAGAIN) || up == -EACCES || up == -EIDRM || up == -EINVAL;
}

static int read_some(struct executor *x, const struct system_v_object *o, unsigned first, unsigned count,
                     struct semaphore_adjustments *ret, struct error *e) {
  struct batch *b = batch_new();
  for (unsigned i = 0; i < count; i++) {
    add_probe(b, o, first + i, MOST);
    add_probe(b, o, first + i, LEAST);
  }
  int r = executor_run(x, b, e);
  for (unsigned i = 0, value = 0; r == 0 && i < count; i++) {
    if (is_zero(b, i))
      continue;
    r = measure(x, o, first + i, (int *)&value, e);
    if (r == 0 && value)
      keep(ret, o->id, first + i, (int)value);
  }
  batch_free(b);
  return r;
}

int semaphore_adjustments_read(struct executor *x, const struct system_v *v, struct semaphore_adjustments *ret,
                               struct error *e) {
  int r = 0;
  if (has_none(executor_pid(x)))
    return 0;
  for (size_t i = 0; i < v->count; i++) {
    const struct system_v_object *o = &v->item[i];
    for (unsigned at = 0, n; r == 0 && o->kind == SEMAPHORES && at < o->size; at += n) {
      n = o->size - at < PROBES_AT_ONCE ? (unsigned)o->size - at : PROBES_AT_ONCE;
      r = read_some(x, o, at, n, ret, e);
    }
  }
  return r;
}

// ---- putting back ----

static int value_of(const struct semaphore_adjustments *all, int id, int number) {
  for (size_t i = 0; i < all->count; i++)
    if (all->item[i].id == id && all->item[i].number == number)
      return all->item[i].value;
  return 0;
}

static int change(struct executor *x, const struct system_v *v, int id, int number, int by, struct error *e) {
  const struct system_v_object *o = system_v_find(v, SEMAPHORES, id);
  if (!by || !o || (uint64_t)number >= o->size)
    return 0;
  struct sembuf op[OPERATIONS];
  struct batch *b = batch_new();
  add_operations(b, id, op, build(op, (unsigned short)number, o->value[number], by));
  int r = executor_run(x, b, e);
  if (r == 0 && batch_result(b, 0) < 0)
    r = error_set_errno(e, (int)batch_result(b, 0), "cannot put back what process %d is to undo of semaphore %d of %d",
                        executor_pid(x), number, id);
  batch_free(b);
  return r;
}

int semaphore_adjustments_put_back(struct executor *x, const struct system_v *v,
                                   const struct semaphore_adjustments *then, struct error *e) {
  struct semaphore_adjustments now = {0};
  int r = semaphore_adjustments_read(x, v, &now, e);
  for (size_t i = 0; r == 0 && i < now.count; i++) {
    const struct semaphore_adjustment *a = &now.item[i];
    r = change(x, v, a->id, a->number, value_of(then, a->id, a->number) - a->value, e);
  }
  for (size_t i = 0; r == 0 && i < then->count; i++) {
    const struct semaphore_adjustment *a = &then->item[i];
    if (!value_of(&now, a->id, a->number))
      r = change(x, v, a->id, a->number, a->value, e);
  }
  free(now.item);
  return r;
}
