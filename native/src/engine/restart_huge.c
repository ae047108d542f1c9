// SPDX-License-Identifier: EPL-2.0
// Restart: memory that the image fills without a gap is filled in huge pages, which costs the kernel half the time.
//
// Advice cannot be taken back, and the program's own mapping must not bear one that it never asked for. So the area
// that bears it is another one, and its pages are moved.
#include "engine/restart_huge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "kernel/userfault.h"
#include "proc/memory.h"

enum { HUGE_PAGE = 2 << 20, RESCUE_BYTES = 1 << 20 };

bool huge_pages_are_on_advice(void) {
  _cleanup_free_ char *text = NULL;
  return file_read("/sys/kernel/mm/transparent_hugepage/enabled", 256, &text, NULL) == 0 && strstr(text, "[madvise]");
}

// ---- which memory ----

static uint64_t up(uint64_t at) { return (at + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE; }
static uint64_t down(uint64_t at) { return at / HUGE_PAGE * HUGE_PAGE; }

static void add_range(struct huge_filling *h, uint64_t start, uint64_t end) {
  start = up(start), end = down(end);
  if (start >= end)
    return;
  array_reserve(h->range, h->count, h->capacity);
  h->range[h->count++] = (struct huge_range){start, end, h->size};
  h->size += end - start;
}

void huge_filling_add(struct huge_filling *h, const struct image_extent *x, size_t count,
                      const Snapback__Image__Mapping *m) {
  uint64_t start = m->start, end = m->start;
  for (size_t i = extents_search(x, count, m->start); i < count && x[i].start < m->end; i++) {
    if (x[i].kind != IMAGE_EXTENT_DATA)
      continue;
    if (x[i].start > end) {
      add_range(h, start, end);
      start = x[i].start;
    }
    end = x[i].end < m->end ? x[i].end : m->end;
  }
  add_range(h, start, end);
}

const struct huge_range *huge_filling_search(const struct huge_filling *h, uint64_t at) {
  size_t low = 0, high = h->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (h->range[middle].end > at)
      high = middle;
    else
      low = middle + 1;
  }
  return low < h->count ? &h->range[low] : NULL;
}

// ---- the area ----

static uint64_t place_for(struct restarting *w, uint64_t size) {
  struct mappings now;
  if (mappings_read(w->f.pid, &now) < 0)
    return 0;
  uint64_t place = restart_free_place(&now, &w->r->then, size);
  mappings_done(&now);
  return place;
}

static bool map_area(struct restarting *w, struct huge_filling *h) {
  uint64_t size = h->size + HUGE_PAGE, place = place_for(w, size);
  if (!place || executor_call(w->main, NULL, SYS_mmap, place, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, (uint64_t)-1,
                              0) != (int64_t)place)
    return false;
  h->mapped = place, h->mapped_size = size, h->area = up(place);
  return executor_call(w->main, NULL, SYS_madvise, place, size, MADV_HUGEPAGE, 0, 0, 0) == 0;
}

void huge_filling_open(struct restarting *w, struct huge_filling *h) {
  if (h->count > 0 && !map_area(w, h))
    h->count = 0;
}

int huge_filling_close(struct restarting *w, struct huge_filling *h) {
  free(h->range);
  h->range = NULL;
  return h->mapped ? (int)executor_call(w->main, NULL, SYS_munmap, h->mapped, h->mapped_size, 0, 0, 0, 0) : 0;
}

// ---- moving ----

// What is still in the area is copied.
static int rescue(struct restarting *w, const struct huge_filling *h, const struct huge_range *range, uint64_t from,
                  int (*write)(const void *, uint64_t, const void *, size_t), const void *data) {
  _cleanup_free_ char *bytes = must_alloc(RESCUE_BYTES);
  int r = 0;
  for (uint64_t at = from, n; r == 0 && at < range->end; at += n) {
    n = range->end - at < RESCUE_BYTES ? range->end - at : RESCUE_BYTES;
    r = memory_read(w->f.pid, h->area + range->offset + (at - range->start), bytes, n);
    if (r == 0)
      r = write(data, at, bytes, n);
  }
  return r;
}

// A batch of moves from `first` on; `ret_moved` gets the bytes that each has moved. Their number, or -errno.
static int move_some(struct restarting *w, const struct huge_filling *h, int there, size_t first, struct batch *b,
                     uint64_t *ret_moved) {
  size_t at[BATCH_CALLS];
  int n = 0;
  batch_clear(b);
  for (; first + (size_t)n < h->count && batch_has_room(b, 1, sizeof(struct userfault_move)); n++) {
    const struct huge_range *x = &h->range[first + (size_t)n];
    struct userfault_move move = {.to = x->start, .from = h->area + x->offset, .size = x->end - x->start};
    at[n] = batch_data(b, &move, sizeof move);
    (void)CALL(b, SYS_ioctl, NUMBER(there), NUMBER(USERFAULT_MOVE), POINTER(at[n]));
  }
  int r = fault(FAULT_restart_move) < 0 ? 0 : executor_run(w->main, b, NULL);
  for (int i = 0; r == 0 && i < n; i++) {
    const struct userfault_move *move = batch_at(b, at[i]);
    ret_moved[i] = move->moved > 0 ? (uint64_t)move->moved : 0;
  }
  return r < 0 ? -EIO : n;
}

int huge_filling_move(struct restarting *w, const struct huge_filling *h, int there,
                      int (*write)(const void *data, uint64_t at, const void *bytes, size_t size), const void *data) {
  uint64_t moved[BATCH_CALLS];
  struct batch *b = batch_new();
  int r = 0;
  for (size_t first = 0; r >= 0 && first < h->count; first += (size_t)r) {
    r = move_some(w, h, there, first, b, moved);
    for (int i = 0, n = r; r >= 0 && i < n; i++) {
      const struct huge_range *x = &h->range[first + (size_t)i];
      int copied = rescue(w, h, x, x->start + moved[i], write, data);
      r = copied < 0 ? copied : r;
    }
  }
  batch_free(b);
  return r < 0 ? r : 0;
}
