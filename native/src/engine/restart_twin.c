// SPDX-License-Identifier: EPL-2.0
// Restart: a process that has the memory of the one that has forked it, like many children have. What differs is
// changed; the pages that both have stay shared, copy on write.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/fault.h"
#include "base/memory.h"
#include "engine/restart_state.h"

typedef Snapback__Image__Mapping image_mapping;
typedef Snapback__Image__Process image_process;

#define KIND(name) SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_##name
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

// ---- which mappings ----

static bool same_advice(const image_mapping *a, const image_mapping *b) {
  for (size_t i = 0; i < a->n_advice; i++)
    if (a->advice[i] == MADV_WIPEONFORK || a->advice[i] == MADV_DONTFORK)
      return false;
  return a->n_advice == b->n_advice &&
         (!a->n_advice || memcmp(a->advice, b->advice, a->n_advice * sizeof *a->advice) == 0);
}

static bool same_file(const image_mapping *a, const image_mapping *b) {
  if (!a->file || !b->file)
    return !a->file && !b->file;
  return strcmp(a->file->path, b->file->path) == 0 && a->file->deleted == b->file->deleted;
}

static bool is_same(const image_mapping *a, const image_mapping *b) {
  return a->start == b->start && a->end == b->end && a->protection == b->protection && a->kind == b->kind &&
         a->offset == b->offset && a->flags == b->flags && a->shared_object == b->shared_object &&
         strcmp(a->name, b->name) == 0 && same_file(a, b) && same_advice(a, b);
}

static const image_mapping *find(const image_process *p, uint64_t address) {
  size_t low = 0;
  for (size_t high = p->n_mapping; low < high;) {
    size_t middle = (low + high) / 2;
    if (p->mapping[middle]->end <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low < p->n_mapping && p->mapping[low]->start <= address ? p->mapping[low] : NULL;
}

static bool ran_the_same(const image_process *a, const image_process *b) {
  return a->personality == b->personality && a->auxiliary_vector.len == b->auxiliary_vector.len &&
         memcmp(a->auxiliary_vector.data, b->auxiliary_vector.data, a->auxiliary_vector.len) == 0 &&
         strcmp(a->executable->path, b->executable->path) == 0;
}

void restart_find_twin(struct restart *r, const struct restart *mother) {
  const image_process *p = r->process;
  if (!ran_the_same(p, mother->process) || r->bridges_vdso != mother->bridges_vdso)
    return;
  r->twin = mother;
  r->kept = must_alloc((p->n_mapping + 1) * sizeof *r->kept);
  for (size_t i = 0; i < p->n_mapping; i++) {
    const image_mapping *hers = find(mother->process, p->mapping[i]->start);
    r->kept[i] = hers && is_same(hers, p->mapping[i]);
  }
}

bool restart_can_be_twin(const struct restart *r, uint64_t area) {
  for (size_t i = 0; i < r->process->n_mapping; i++)
    if (r->process->mapping[i]->start < area + EXECUTOR_AREA && r->process->mapping[i]->end > area)
      return false;
  return true;
}

static bool is_kept(const struct restart *r, const image_mapping *hers) {
  const image_mapping *m = find(r->process, hers->start);
  return m && is_same(m, hers);
}

int restart_trim(struct restarting *w, struct error *e) {
  const image_process *hers = w->r->twin->process;
  int failed = fault(FAULT_restart_clear);
  if (failed < 0)
    return error_set_errno(e, failed, "cannot empty the memory of the new process");
  for (size_t i = 0; i < hers->n_mapping; i++) {
    const image_mapping *m = hers->mapping[i];
    if (m->kind == KIND(KERNEL) || is_kept(w->r, m))
      continue;
    int64_t r = executor_call(w->main, e, SYS_munmap, m->start, m->end - m->start, 0, 0, 0, 0);
    if (r < 0)
      return error_set_errno(e, (int)r, "cannot unmap %#lx from the new process", (unsigned long)m->start);
  }
  return 0;
}

// ---- which pages ----

struct difference {
  const struct restart *r;
  const struct image_extent *own, *hers;
  size_t owns, her_count;
  struct image_extent *item;
  size_t count, capacity;
};

// Both extents have the page.
static bool same_place(const struct image_extent *a, const struct image_extent *b, uint64_t at) {
  if (a->kind != b->kind || a->kind == IMAGE_EXTENT_ZERO)
    return a->kind == b->kind;
  return a->file == b->file && a->block == b->block &&
         a->first_page + (at - a->start) / IMAGE_PAGE == b->first_page + (at - b->start) / IMAGE_PAGE;
}

static const struct image_extent *extent_at(const struct image_extent *x, size_t count, uint64_t at, uint64_t *border) {
  size_t i = extents_search(x, count, at);
  if (i < count && x[i].start <= at) {
    *border = x[i].end < *border ? x[i].end : *border;
    return &x[i];
  }
  *border = i < count && x[i].start < *border ? x[i].start : *border;
  return NULL;
}

static const image_mapping *kept_at(const struct restart *r, uint64_t at, uint64_t *border) {
  const image_mapping *m = find(r->process, at);
  if (!m)
    return NULL;
  *border = m->end < *border ? m->end : *border;
  const image_mapping *hers = find(r->twin->process, m->start);
  return hers && is_same(m, hers) ? m : NULL;
}

static void add(struct difference *d, struct image_extent x, uint64_t at, uint64_t end) {
  if (x.kind == IMAGE_EXTENT_DATA)
    x.first_page += (unsigned)((at - x.start) / IMAGE_PAGE);
  x.start = at;
  x.end = end;
  array_reserve(d->item, d->count, d->capacity);
  d->item[d->count++] = x;
}

static void compare(struct difference *d, const struct image_extent *x) {
  for (uint64_t at = x->start, border; at < x->end; at = border) {
    border = x->end;
    const image_mapping *kept = kept_at(d->r, at, &border);
    const struct image_extent *hers = extent_at(d->hers, d->her_count, at, &border);
    if (!kept || !hers || !same_place(x, hers, at))
      add(d, *x, at, border);
  }
}

static int drop(struct restarting *w, uint64_t start, uint64_t end, struct error *e) {
  int64_t r = executor_call(w->main, e, SYS_madvise, start, end - start, MADV_DONTNEED, 0, 0, 0);
  return r < 0 ? error_set_errno(e, (int)r, "cannot empty the memory of the new process at %#lx", (unsigned long)start)
               : 0;
}

// A page of hers that is not there in the child, or is zero and of no file, would show through.
static int drop_hers(struct restarting *w, const struct difference *d, const struct image_extent *hers,
                     struct error *e) {
  int r = 0;
  for (uint64_t at = hers->start, border; r == 0 && at < hers->end; at = border) {
    border = hers->end;
    const image_mapping *kept = kept_at(d->r, at, &border);
    const struct image_extent *own = extent_at(d->own, d->owns, at, &border);
    bool is_empty = !own || (own->kind == IMAGE_EXTENT_ZERO && hers->kind == IMAGE_EXTENT_DATA);
    if (kept && is_empty)
      r = drop(w, at, border, e);
  }
  return r;
}

struct image_extent *restart_difference(struct restarting *w, size_t *ret_count, struct error *e) {
  const struct restart *r = w->r;
  struct difference d = {.r = r, .item = must_alloc(sizeof *d.item), .capacity = 1};
  d.own = image_extents(r->image, r->process->space, &d.owns);
  d.hers = image_extents(r->image, r->twin->process->space, &d.her_count);
  for (size_t i = 0; i < d.her_count; i++)
    if (drop_hers(w, &d, &d.hers[i], e) < 0) {
      free(d.item);
      return NULL;
    }
  for (size_t i = 0; i < d.owns; i++)
    compare(&d, &d.own[i]);
  *ret_count = d.count;
  return d.item;
}
