// SPDX-License-Identifier: EPL-2.0
// Restart: the address space that exec has made is emptied, and the image's mappings are made in it.
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "engine/restart_state.h"
#include "proc/memory.h"
#include "resource/delivery.h"
#include "resource/space.h"

typedef Snapback__Image__Mapping image_mapping;

#define KIND(name) SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_##name

enum { FLAGS_KEPT = MAP_GROWSDOWN | MAP_NORESERVE };

// ---- emptying ----

static int unmap_all(struct restarting *w, const struct mappings *now, struct error *e) {
  uint64_t area = executor_area(w->main), area_end = area + EXECUTOR_AREA;
  struct batch *b = batch_new();
  int r = fault(FAULT_restart_clear);
  for (size_t i = 0; r == 0 && i < now->count; i++) {
    const struct mapping *m = &now->item[i];
    if (mapping_is_special(m) || m->start >= arch_user_end || (m->start < area_end && m->end > area))
      continue;
    batch_clear(b);
    (void)CALL(b, SYS_munmap, NUMBER(m->start), NUMBER(m->end - m->start));
    r = executor_run(w->main, b, e);
    if (r == 0)
      r = (int)batch_result(b, 0);
  }
  batch_free(b);
  return r < 0 ? error_set_errno(e, r, "cannot empty the memory of the new process") : 0;
}

static bool is_free(const struct mappings *m, uint64_t start, uint64_t size) {
  for (size_t i = 0; i < m->count; i++)
    if (m->item[i].start < start + size && m->item[i].end > start)
      return false;
  return true;
}

static int open_area(struct restarting *w, const struct mappings *now, struct error *e) {
  uint64_t area = w->r->process->area;
  int r = fault(FAULT_restart_area);
  if (r < 0)
    return error_set_errno(e, r, "cannot map memory into the new process");
  if (!area || !is_free(now, area, EXECUTOR_AREA) || !is_free(&w->r->then, area, EXECUTOR_AREA))
    area = place_free_in_both(now, &w->r->then);
  if (!area)
    return error_set(e, ERROR_REFUSED, "the program's memory has no room for the restart");
  return executor_open_at(executor_self(), w->f.pid, w->f.pid, area, &w->main, e);
}

// What the executor has mapped counts as taken now.
static int read_now(struct restarting *w, struct mappings *ret, struct error *e) {
  int r = mappings_read(w->f.pid, ret);
  return r < 0 ? error_set_errno(e, r, "cannot read the mappings of the new process") : 0;
}

int restart_clear(struct restarting *w, struct error *e) {
  struct mappings now;
  if (read_now(w, &now, e) < 0)
    return -1;
  int r = open_area(w, &now, e);
  mappings_done(&now);
  if (r < 0 || read_now(w, &now, e) < 0)
    return -1;
  r = restart_set_vdso_aside(w, &now, e) < 0 ? -1 : unmap_all(w, &now, e);
  mappings_done(&now);
  return r;
}

// ---- the kernel's own record of where things are ----

int restart_set_fields(struct restarting *w, struct error *e) {
  const Snapback__Image__MemoryFields *from = w->r->process->memory_fields;
  const ProtobufCBinaryData *vector = &w->r->process->auxiliary_vector;
  struct prctl_mm_map fields = {
      .start_code = from->start_code,
      .end_code = from->end_code,
      .start_data = from->start_data,
      .end_data = from->end_data,
      .start_brk = from->start_brk,
      .brk = from->brk,
      .start_stack = from->start_stack,
      .arg_start = from->arg_start,
      .arg_end = from->arg_end,
      .env_start = from->env_start,
      .env_end = from->env_end,
  };
  int r = fault(FAULT_restart_fields);
  if (r == 0)
    r = (int)memory_fields_set(w->main, &fields, vector->data, vector->len, e);
  return r < 0 ? error_set_errno(e, r, "cannot tell the kernel where the program's heap and stack are") : 0;
}

// ---- mapping ----

static int64_t map_there(struct restarting *w, const image_mapping *m, int flags, int fd, struct error *e) {
  uint64_t size = m->end - m->start, descriptor = fd < 0 ? (uint64_t)-1 : (uint64_t)fd;
  int64_t r = executor_call(w->main, e, SYS_mmap, m->start, size, m->protection, (uint64_t)flags, descriptor,
                            fd < 0 ? 0 : m->offset);
  if (r == -ENOMEM)  // more than there is memory: it was mapped so that it need not be reserved
    r = executor_call(w->main, e, SYS_mmap, m->start, size, m->protection, (uint64_t)(flags | MAP_NORESERVE),
                      descriptor, fd < 0 ? 0 : m->offset);
  return r == (int64_t)m->start ? 0 : r < 0 ? r : -EEXIST;
}

static int map_anonymous(struct restarting *w, const image_mapping *m, struct error *e) {
  bool is_stack = strcmp(m->name, "[stack]") == 0;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | (int)(m->flags & FLAGS_KEPT) | (is_stack ? MAP_GROWSDOWN : 0);
  return (int)map_there(w, m, flags, -1, e);
}

// The file comes from the supervisor. A descriptor in the process, or -errno.
static int deliver(struct restarting *w, int from, int flags, struct error *e) {
  _cleanup_fd_ int fd = pin_open(from, flags);
  if (fd < 0)
    return fd;
  if (!w->way && delivery_open(w->main, NULL, &w->way, e) < 0)
    return -EIO;
  int number = delivery_send(w->way, fd, -1, 1, e);
  return number < 0 ? -EIO : number;
}

static int map_file(struct restarting *w, const image_mapping *m, int from, struct error *e) {
  bool shared = m->kind != KIND(FILE_PRIVATE), writes = shared && (m->protection & PROT_WRITE);
  int fd = deliver(w, from, writes ? O_RDWR : O_RDONLY, e);
  if (fd < 0)
    return fd;
  int flags = (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | (int)(m->flags & FLAGS_KEPT);
  int r = (int)map_there(w, m, flags, fd, e);
  (void)executor_call(w->main, e, SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
  return r;
}

// A private view of a file that is gone comes from the image, with all its pages.
static int map_named_file(struct restarting *w, const image_mapping *m, struct error *e) {
  const struct recreated_object *o = m->shared_object ? recreation_object(w->r->files, m->shared_object) : NULL;
  const struct recreated_file *f = recreation_file(w->r->files, m->file);
  if (o && o->fd >= 0)
    return map_file(w, m, o->fd, e);
  if (f && f->fd >= 0)
    return map_file(w, m, f->fd, e);
  return m->kind == KIND(FILE_PRIVATE) && m->file && m->file->deleted ? map_anonymous(w, m, e) : -ENOENT;
}

// ---- shared memory ----

struct whole_object {
  pid_t pid;
  uint64_t at;
};

static int write_there(const void *data, uint64_t address, const void *bytes, size_t size) {
  const struct whole_object *o = data;
  return memory_write(o->pid, o->at + address, bytes, size);
}

// The whole of an anonymous object is mapped where nothing is, filled, and then shown where the program wants it.
static int map_whole(struct restarting *w, struct recreated_object *o, struct error *e) {
  struct mappings now;
  uint64_t size = (o->from->size + ARCH_PAGE - 1) / ARCH_PAGE * ARCH_PAGE;
  if (read_now(w, &now, e) < 0)
    return -1;
  uint64_t place = restart_free_place(&now, &w->r->then, size);
  mappings_done(&now);
  if (!place)
    return -ENOMEM;
  int64_t r = executor_call(w->main, e, SYS_mmap, place, size, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, (uint64_t)-1, 0);
  if (r < 0)
    return (int)r;
  o->at = place;
  struct whole_object there = {w->f.pid, place};
  return space_copy(w->r->image, o->from->space, &(struct space_target){.write = write_there, .data = &there}, e);
}

static int map_anonymous_object(struct restarting *w, const image_mapping *m, struct recreated_object *o,
                                struct error *e) {
  int r = o->at ? 0 : map_whole(w, o, e);
  if (r < 0)
    return r;
  int64_t at = executor_call(w->main, e, SYS_mremap, o->at + m->offset, 0, m->end - m->start,
                             MREMAP_MAYMOVE | MREMAP_FIXED, m->start, 0);
  if (at < 0)
    return (int)at;
  return (int)executor_call(w->main, e, SYS_mprotect, m->start, m->end - m->start, m->protection, 0, 0, 0);
}

static int map_object(struct restarting *w, const image_mapping *m, struct error *e) {
  struct recreated_object *o = recreation_object(w->r->files, m->shared_object);
  if (!o)
    return -ENOENT;
  return o->fd >= 0 ? map_file(w, m, o->fd, e) : map_anonymous_object(w, m, o, e);
}

static int forget_whole_objects(struct restarting *w, struct error *e) {
  for (size_t i = 0; i < w->r->files->objects; i++) {
    struct recreated_object *o = &w->r->files->object[i];
    if (!o->at)
      continue;
    int64_t r = executor_call(w->main, e, SYS_munmap, o->at, (o->from->size + ARCH_PAGE - 1) / ARCH_PAGE * ARCH_PAGE, 0,
                              0, 0, 0);
    if (r < 0)
      return error_set_errno(e, (int)r, "cannot unmap shared memory from the new process");
    o->at = 0;
  }
  return 0;
}

// ---- all of them ----

static int leave_to_kernel(struct restarting *w, const image_mapping *m, struct error *e) {
  (void)w, (void)m, (void)e;
  return 0;
}

static int (*const map_kinds[])(struct restarting *, const image_mapping *, struct error *) = {
    [KIND(ANONYMOUS)] = map_anonymous,  [KIND(FILE_PRIVATE)] = map_named_file, [KIND(FILE_SHARED)] = map_named_file,
    [KIND(SHARED_OBJECT)] = map_object, [KIND(KERNEL)] = leave_to_kernel,      [KIND(SYSTEM_V)] = restart_attach,
};

static int advise(struct restarting *w, const image_mapping *m, struct error *e) {
  for (size_t i = 0; i < m->n_advice; i++)
    (void)executor_call(w->main, e, SYS_madvise, m->start, m->end - m->start, m->advice[i], 0, 0, 0);
  return 0;
}

static int map_one(struct restarting *w, const image_mapping *m, struct error *e) {
  if ((size_t)m->kind >= sizeof map_kinds / sizeof map_kinds[0] || !map_kinds[m->kind])
    return error_set(e, ERROR_REFUSED, "the mapping at %#lx is of a kind that this version does not know",
                     (unsigned long)m->start);
  int r = fault(FAULT_restart_mappings);
  if (r == 0)
    r = map_kinds[m->kind](w, m, e);
  if (r < 0)
    return error_set_errno(e, r, "cannot map %s at %#lx", m->name[0] ? m->name : "memory", (unsigned long)m->start);
  return m->kind == KIND(KERNEL) ? 0 : advise(w, m, e);
}

int restart_map(struct restarting *w, struct error *e) {
  int r = 0;
  for (size_t i = 0; r == 0 && i < w->r->process->n_mapping; i++)
    r = w->r->twin && w->r->kept[i] ? 0 : map_one(w, w->r->process->mapping[i], e);
  if (delivery_close(w->way, e) < 0)
    r = -1;
  w->way = NULL;
  return r < 0 ? -1 : forget_whole_objects(w, e);
}

static uint64_t end_of_overlap(const struct mappings *m, uint64_t at, uint64_t size) {
  for (size_t i = 0; i < m->count; i++)
    if (m->item[i].start < at + size && m->item[i].end > at)
      return m->item[i].end;
  return 0;
}

uint64_t restart_free_place(const struct mappings *now, const struct mappings *then, uint64_t size) {
  const uint64_t lowest = 0x20000000, highest = end_of_places(now, then);
  for (uint64_t at = lowest; at + size < highest;) {
    uint64_t past_a = end_of_overlap(now, at, size), past_b = end_of_overlap(then, at, size);
    if (!past_a && !past_b)
      return at;
    at = (past_a > past_b ? past_a : past_b) + ARCH_PAGE;
  }
  return 0;
}
