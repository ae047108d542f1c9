// SPDX-License-Identifier: EPL-2.0
// Views of System V shared memory: where a process has which segments.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/map_flags.h"
#include "resource/system_v.h"

bool mapping_is_system_v(const struct mapping *m) { return m->shared && strncmp(m->name, "/SYSV", 5) == 0; }

// The kernel's own file system for shared memory, which has also the anonymous one; huge pages have another.
static uint64_t usual_device(void) {
  static uint64_t device;
  struct mappings own;
  if (device)
    return device;
  void *at = mmap(NULL, 1, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    return 0;
  if (mappings_read(getpid(), &own) == 0) {
    const struct mapping *m = mappings_at(&own, (uint64_t)(uintptr_t)at);
    device = m ? m->device : 0;
    mappings_done(&own);
  }
  (void)munmap(at, 1);
  return device;
}

static int refuse_huge(pid_t pid, const struct mapping *m, struct error *e) {
  return error_set(e, ERROR_REFUSED,
                   "process %d has System V shared memory of huge pages mapped at %#lx, which snapshots cannot hold "
                   "yet: unmap it, or take the snapshot before it is mapped",
                   pid, (unsigned long)m->start);
}

static int add_views(pid_t pid, const struct mappings *maps, struct system_v_views *ret, struct error *e) {
  _cleanup_free_ struct map_flags *flags = NULL;
  size_t count = 0;
  int r = map_flags_read(pid, &flags, &count);
  if (r < 0)
    return error_set_errno(e, r, "cannot read how the mappings of process %d were made", pid);
  ret->item = must_alloc(maps->count * sizeof *ret->item);
  for (size_t i = 0; i < maps->count; i++) {
    const struct mapping *m = &maps->item[i];
    if (!mapping_is_system_v(m))
      continue;
    if (m->device != usual_device())
      return refuse_huge(pid, m, e);
    const struct map_flags *f = map_flags_at(flags, count, m->start);
    ret->item[ret->count++] =
        (struct system_v_view){m->start, m->end, m->offset, (int)m->inode, m->protection, f && !f->may_write};
  }
  return 0;
}

int system_v_views_read(pid_t pid, const struct mappings *maps, struct system_v_views *ret, struct error *e) {
  for (size_t i = 0; i < maps->count; i++)
    if (mapping_is_system_v(&maps->item[i]))
      return add_views(pid, maps, ret, e);
  return 0;
}

static int by_start(const void *a, const void *b) {
  const struct mapping *x = a, *y = b;
  return (x->start > y->start) - (x->start < y->start);
}

void system_v_views_add(const struct system_v_views *views, struct mappings *maps) {
  if (!views->count)
    return;
  maps->item = must_realloc(maps->item, maps->count + views->count, sizeof *maps->item);
  for (size_t i = 0; i < views->count; i++) {
    const struct system_v_view *v = &views->item[i];
    maps->item[maps->count++] = (struct mapping){.start = v->start,
                                                 .end = v->end,
                                                 .offset = v->offset,
                                                 .device = usual_device(),
                                                 .inode = (uint64_t)v->id,
                                                 .protection = v->protection,
                                                 .shared = true,
                                                 .name = "/SYSV"};
  }
  qsort(maps->item, maps->count, sizeof *maps->item, by_start);
}

void system_v_views_add_unmapping(const struct system_v_views *views, struct batch *b) {
  for (size_t i = 0; i < views->count && batch_has_room(b, 1, 0); i++)
    (void)CALL(b, SYS_munmap, NUMBER(views->item[i].start), NUMBER(views->item[i].end - views->item[i].start));
}

const struct system_v_view *system_v_view_at(const struct system_v_views *views, uint64_t address) {
  for (size_t i = 0; i < views->count; i++)
    if (views->item[i].start <= address && address < views->item[i].end)
      return &views->item[i];
  return NULL;
}

// Its place is kept, so that the whole comes to where else there is room: mremap(2) moves nothing onto itself.
static int64_t attach_whole(struct executor *x, const struct system_v_view *v, struct error *e) {
  enum { KEEP = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE };
  int flags = (v->is_read_only ? SHM_RDONLY : 0) | (v->protection & PROT_EXEC ? SHM_EXEC : 0);
  struct batch *b = batch_new();
  (void)CALL(b, SYS_mmap, NUMBER(v->start), NUMBER(v->end - v->start), NUMBER(PROT_NONE), NUMBER(KEEP), NUMBER(-1),
             NUMBER(0));
  (void)CALL(b, executor_own_call(x, SYS_shmat), NUMBER(v->id), NUMBER(0), NUMBER(flags));
  int64_t r = executor_run(x, b, e) < 0 ? -EIO : batch_result(b, 0) < 0 ? batch_result(b, 0) : batch_result(b, 1);
  batch_free(b);
  return r;
}

// The part is moved to its place, which hides what is there, and the rest goes.
static void add_moves(struct batch *b, const struct system_v_view *v, uint64_t at, uint64_t size) {
  uint64_t part = v->end - v->start, rest = size - v->offset - part;
  (void)CALL(b, SYS_mremap, NUMBER(at + v->offset), NUMBER(part), NUMBER(part), NUMBER(MREMAP_MAYMOVE | MREMAP_FIXED),
             NUMBER(v->start));
  if (v->offset)
    (void)CALL(b, SYS_munmap, NUMBER(at), NUMBER(v->offset));
  if (rest)
    (void)CALL(b, SYS_munmap, NUMBER(at + v->offset + part), NUMBER(rest));
  (void)CALL(b, SYS_mprotect, NUMBER(v->start), NUMBER(part), NUMBER(v->protection));
}

static int fail(const struct system_v_view *v, int64_t r, struct error *e) {
  return error_set_errno(e, (int)r, "cannot map the System V shared memory %d at %#lx again", v->id,
                         (unsigned long)v->start);
}

int system_v_attach(struct executor *x, const struct system_v_view *v, struct error *e) {
  enum { PAGE = 4096 };
  struct shmid_ds ds;
  if (shmctl(v->id, IPC_STAT, &ds) < 0)
    return fail(v, -errno, e);
  uint64_t size = (ds.shm_segsz + PAGE - 1) / PAGE * PAGE;
  if (v->offset > size || v->end - v->start > size - v->offset)
    return fail(v, -EINVAL, e);
  int64_t at = attach_whole(x, v, e);
  if (at < 0)
    return fail(v, at, e);
  struct batch *b = batch_new();
  add_moves(b, v, (uint64_t)at, size);
  int r = executor_run(x, b, e);
  int64_t moved = batch_result(b, 0);
  batch_free(b);
  return r < 0 ? -1 : moved != (int64_t)v->start ? fail(v, moved, e) : 0;
}
