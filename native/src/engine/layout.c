// SPDX-License-Identifier: EPL-2.0
// The mappings of a process, brought back to those of its template.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/state.h"
#include "proc/map_flags.h"
#include "proc/maps.h"
#include "proc/memory.h"
#include "resource/delivery.h"

// The work of one rewind: `now` is the living process, `then` its template.
struct layout {
  struct executor *x;
  struct mappings now, then;
  uint64_t area;  // ours, in both: left out
  pid_t template;
  const struct descriptors *descriptors;  // of the snapshot
  struct process_state *s;
  unsigned changed;
};

enum { COPY_BYTES = 1024 * 1024 };

static bool is_of_kernel(const struct mapping *m) { return mapping_is_special(m) || m->start >= arch_user_end; }

static int64_t call(struct layout *l, struct error *e, long number, uint64_t a, uint64_t b, uint64_t c) {
  l->changed++;
  return executor_call(l->x, e, number, a, b, c, 0, 0, 0);
}

// ---- what is there and was not ----

static int unmap(struct layout *l, uint64_t start, uint64_t end, struct error *e) {
  uint64_t area_end = l->area + EXECUTOR_AREA;
  if (start < area_end && end > l->area) {
    if (start < l->area && unmap(l, start, l->area, e) < 0)
      return -1;
    return end > area_end ? unmap(l, area_end, end, e) : 0;
  }
  int64_t r = call(l, e, SYS_munmap, start, end - start, 0);
  return r < 0 ? error_set_errno(e, (int)r, "cannot unmap %#lx", (unsigned long)start) : 0;
}

// A view of another file, or shared instead of private, is not the mapping that was.
static bool is_alike(const struct mapping *a, const struct mapping *b) {
  if (a->shared != b->shared || a->inode != b->inode || (a->inode && a->device != b->device))
    return false;
  return !a->inode || a->offset - a->start == b->offset - b->start;
}

static int unmap_surplus_of(struct layout *l, const struct mapping *m, struct error *e) {
  for (uint64_t at = m->start; at < m->end;) {
    uint64_t end = m->end;
    bool keep = false;
    for (size_t i = 0; i < l->then.count; i++) {
      const struct mapping *t = &l->then.item[i];
      if (t->end <= at)
        continue;
      keep = t->start <= at && is_alike(t, m);
      uint64_t border = t->start <= at ? t->end : t->start;
      end = border < end ? border : end;
      break;
    }
    if (!keep && unmap(l, at, end, e) < 0)
      return -1;
    at = end;
  }
  return 0;
}

// ---- what was there and is not ----

// Opens the file of a mapping in the process itself. A descriptor there, or -errno.
static int64_t open_file_there(struct layout *l, const struct mapping *m, struct error *e) {
  struct stat at;
  if (stat(m->name, &at) < 0)
    return -errno;
  if (at.st_ino != m->inode)
    return -ESTALE;
  struct batch *b = batch_new();
  size_t name = batch_data(b, m->name, strlen(m->name) + 1);
  bool writes = m->shared && (m->protection & PROT_WRITE);
  (void)CALL(b, SYS_openat, NUMBER(AT_FDCWD), POINTER(name), NUMBER((writes ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  int64_t r = executor_run(l->x, b, e) < 0 ? -EIO : batch_result(b, 0);
  batch_free(b);
  return r;
}

static int pin_of(const struct layout *l, const struct mapping *m) {
  for (size_t i = 0; i < l->descriptors->count; i++) {
    const struct descriptor *d = &l->descriptors->item[i];
    if (d->pin >= 0 && S_ISREG(d->stat.st_mode) && d->stat.st_ino == m->inode && strcmp(d->link, m->name) == 0)
      return d->pin;
  }
  return -1;
}

// A file that has no name any more, but that the program had open: through the snapshot's pin of it.
static int64_t open_pinned_there(struct layout *l, const struct mapping *m, struct error *e) {
  int pin = pin_of(l, m);
  if (pin < 0)
    return -ENOENT;
  _cleanup_fd_ int fd = pin_open(pin, m->shared && (m->protection & PROT_WRITE) ? O_RDWR : O_RDONLY);
  struct delivery *way;
  if (fd < 0 || delivery_open(l->x, NULL, &way, e) < 0)
    return fd < 0 ? fd : -EIO;
  int number = delivery_send(way, fd, -1, 1, e);
  return delivery_close(way, e) < 0 ? -EIO : number;
}

static int64_t descriptor_of(struct layout *l, const struct mapping *m, bool *ret_close, struct error *e) {
  *ret_close = false;
  if (!m->inode || (m->shared && strcmp(m->name, "/dev/zero (deleted)") == 0))
    return -1;
  int64_t fd = open_file_there(l, m, e);
  if (fd < 0)
    fd = open_pinned_there(l, m, e);
  *ret_close = fd >= 0;
  return fd;
}

// All of a stretch from the template: for a private view of a file that is gone.
static int copy_all(struct layout *l, uint64_t start, uint64_t end, struct error *e) {
  _cleanup_free_ unsigned char *bytes = must_alloc(COPY_BYTES);
  int r = 0;
  for (uint64_t at = start; r == 0 && at < end; at += COPY_BYTES) {
    size_t n = end - at < COPY_BYTES ? (size_t)(end - at) : COPY_BYTES;
    r = memory_read(l->template, at, bytes, n);
    if (r == 0)
      r = memory_write(executor_pid(l->x), at, bytes, n);
  }
  return r < 0 ? error_set_errno(e, r, "cannot put back memory at %#lx", (unsigned long)start) : 0;
}

static int attach(struct layout *l, const struct mapping *m, uint64_t start, uint64_t end, struct error *e) {
  const struct system_v_view *whole = system_v_view_at(&l->s->views, start);
  struct system_v_view v = {start,         end,           m->offset + (start - m->start),
                            (int)m->inode, m->protection, whole && whole->is_read_only};
  l->changed++;
  return system_v_attach(l->x, &v, e);
}

static int map(struct layout *l, const struct mapping *m, uint64_t start, uint64_t end, struct error *e) {
  if (mapping_is_system_v(m))
    return attach(l, m, start, end, e);
  bool must_close;
  int64_t fd = descriptor_of(l, m, &must_close, e);
  if (m->inode && fd < -1 && m->shared)
    return error_set_errno(e, (int)fd, "cannot map %s again", m->name);
  // A private view of a file that is gone: its pages come from the template, all of them.
  bool anonymous = fd < 0;
  int flags = (m->shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | (anonymous ? MAP_ANONYMOUS : 0) |
              (strcmp(m->name, "[stack]") == 0 ? MAP_GROWSDOWN : 0);
  const struct map_flags *then = flags_then(l->s, m->start);
  flags |= then ? then->flags & (MAP_GROWSDOWN | MAP_NORESERVE) : 0;
  uint64_t offset = anonymous ? 0 : m->offset + (start - m->start);
  l->changed++;
  int64_t r = executor_call(l->x, e, SYS_mmap, start, end - start, (uint64_t)m->protection, (uint64_t)flags,
                            anonymous ? (uint64_t)-1 : (uint64_t)fd, offset);
  if (r == -ENOMEM)  // more than there is memory: it was mapped so that it need not be reserved
    r = executor_call(l->x, e, SYS_mmap, start, end - start, (uint64_t)m->protection, (uint64_t)(flags | MAP_NORESERVE),
                      anonymous ? (uint64_t)-1 : (uint64_t)fd, offset);
  if (must_close)
    (void)executor_call(l->x, e, SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
  if (r != (int64_t)start)
    return error_set_errno(e, (int)r, "cannot map %#lx again", (unsigned long)start);
  return anonymous && m->inode && !m->shared ? copy_all(l, start, end, e) : 0;
}

static int protect(struct layout *l, const struct mapping *m, uint64_t start, uint64_t end, struct error *e) {
  int64_t r = call(l, e, SYS_mprotect, start, end - start, (uint64_t)m->protection);
  return r < 0 ? error_set_errno(e, (int)r, "cannot set the protection of %#lx", (unsigned long)start) : 0;
}

static bool is_area(const struct layout *l, uint64_t at, uint64_t *end) {
  uint64_t area_end = l->area + EXECUTOR_AREA;
  if (at < l->area) {
    *end = l->area < *end ? l->area : *end;
    return false;
  }
  if (at >= area_end)
    return false;
  *end = area_end < *end ? area_end : *end;
  return true;
}

// A stack that was deeper grows again when the program itself touches its lowest byte; any other mapping does not.
static bool grows_down_to(struct layout *l, const struct mapping *m, uint64_t start, const struct mapping *above) {
  if (!above || above->start >= m->end || !is_alike(above, m) || m->shared || m->inode || !(m->protection & PROT_WRITE))
    return false;
  l->changed++;
  return executor_call(l->x, NULL, SYS_getcpu, start, 0, 0, 0, 0, 0) == 0;
}

static int mend_mapping(struct layout *l, const struct mapping *m, struct error *e) {
  for (uint64_t at = m->start, end; at < m->end; at = end) {
    end = m->end;
    if (is_area(l, at, &end))
      continue;
    const struct mapping *old = NULL;
    for (size_t i = 0; i < l->now.count && !old; i++)
      if (l->now.item[i].end > at)
        old = &l->now.item[i];
    bool there = old && old->start <= at && is_alike(old, m);
    uint64_t border = !old ? end : old->start <= at ? old->end : old->start;
    end = border < end ? border : end;
    if (!there && grows_down_to(l, m, at, old))
      continue;
    int r = !there ? map(l, m, at, end, e) : old->protection != m->protection ? protect(l, m, at, end, e) : 0;
    if (r < 0)
      return -1;
  }
  return 0;
}

// ---- the end of the heap ----

static int put_brk_back(struct layout *l, uint64_t brk, struct error *e) {
  int64_t now = executor_call(l->x, e, SYS_brk, 0, 0, 0, 0, 0, 0);
  if ((uint64_t)now == brk)
    return 0;
  l->changed++;
  int64_t r = executor_call(l->x, e, SYS_brk, brk, 0, 0, 0, 0, 0);
  return (uint64_t)r == brk
             ? 0
             : error_set(e, ERROR_FAILED, "cannot put the end of the heap back to %#lx", (unsigned long)brk);
}

static int read_both(struct layout *l, const struct process_state *s, struct error *e) {
  int r = mappings_read(s->pid, &l->now);
  if (r == 0)
    r = template_mappings(s, &l->then);
  return r < 0 ? error_set_errno(e, r, "cannot read the mappings of process %d", s->pid) : 0;
}

static int mend(struct layout *l, struct error *e) {
  for (size_t i = 0; i < l->now.count; i++)
    if (!is_of_kernel(&l->now.item[i]) && unmap_surplus_of(l, &l->now.item[i], e) < 0)
      return -1;
  for (size_t i = 0; i < l->then.count; i++)
    if (!is_of_kernel(&l->then.item[i]) && mend_mapping(l, &l->then.item[i], e) < 0)
      return -1;
  return 0;
}

int layout_put_back(struct process_state *s, struct executor *main, struct rewind_report *report, struct error *e) {
  struct layout l = {
      .x = main, .area = executor_area(main), .template = s->template.pid, .descriptors = &s->descriptors, .s = s};
  int r = fault(FAULT_rewind_mappings);
  if (r < 0)
    return error_set_errno(e, r, "cannot put the mappings of process %d back", s->pid);
  r = put_brk_back(&l, s->brk, e);
  if (r == 0 && (r = read_both(&l, s, e)) == 0)
    r = mend(&l, e);
  mappings_done(&l.now);
  mappings_done(&l.then);
  report->mappings_changed += l.changed;
  return r;
}

static bool is_in_pieces(const struct layout *l, const struct mapping *then) {
  if (then->shared || then->inode || is_of_kernel(then) ||
      (then->start < l->area + EXECUTOR_AREA && then->end > l->area))
    return false;
  const struct mapping *now = mappings_at(&l->now, then->start);
  return !now || now->end < then->end;
}

int layout_join_pieces(struct process_state *s, struct executor *main, uint64_t *start, uint64_t *end,
                       struct error *e) {
  struct layout l = {
      .x = main, .area = executor_area(main), .template = s->template.pid, .descriptors = &s->descriptors, .s = s};
  uint64_t after = *end;
  int r = read_both(&l, s, e);
  for (size_t i = 0; r == 0 && i < l.then.count; i++) {
    const struct mapping *m = &l.then.item[i];
    if (m->start < after || !is_in_pieces(&l, m))
      continue;
    *start = m->start;
    *end = m->end;
    // In one step: the thread's rseq area, to which the kernel writes at any time, may lie in there.
    r = map(&l, m, m->start, m->end, e) < 0 ? -1 : 1;
  }
  mappings_done(&l.now);
  mappings_done(&l.then);
  return r;
}

static uint64_t end_of_overlap(const struct mappings *m, uint64_t at) {
  for (size_t i = 0; i < m->count; i++)
    if (m->item[i].start < at + EXECUTOR_AREA && m->item[i].end > at)
      return m->item[i].end;
  return 0;
}

static bool is_narrow(const struct mappings *m) { return m->count && m->item[m->count - 1].end <= arch_narrow_end; }

// A program whose mappings all lie that low, its stack among them, can have none elsewhere.
uint64_t end_of_places(const struct mappings *a, const struct mappings *b) {
  const uint64_t highest = 0x7f0000000000;
  return is_narrow(a) || is_narrow(b) ? arch_narrow_end : highest;
}

uint64_t place_free_in_both(const struct mappings *a, const struct mappings *b) {
  const uint64_t lowest = 0x10000000, highest = end_of_places(a, b);
  for (uint64_t at = lowest; at + EXECUTOR_AREA < highest;) {
    uint64_t past_a = end_of_overlap(a, at), past_b = end_of_overlap(b, at);
    if (!past_a && !past_b)
      return at;
    at = (past_a > past_b ? past_a : past_b) + ARCH_PAGE;
  }
  return 0;
}
