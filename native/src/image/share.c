// SPDX-License-Identifier: EPL-2.0
// Pages that spaces of one image have in common: two extents, one place in a block.
#include "base/memory.h"
#include "image/writer.h"

void image_writer_share(struct image_writer *w, uint32_t space, uint64_t start, uint64_t end, uint32_t from) {
  struct shared_range *last = w->share_count ? &w->shares[w->share_count - 1] : NULL;
  if (last && last->range.space == space && last->from == from && last->range.end == start) {
    last->range.end = end;
    return;
  }
  array_reserve(w->shares, w->share_count, w->share_capacity);
  w->shares[w->share_count++] = (struct shared_range){{space, start, end}, from};
}

// The first extent that ends behind the address or belongs to a later space.
static size_t search(const struct image_writer *w, size_t count, uint32_t space, uint64_t address) {
  size_t low = 0;
  for (size_t high = count; low < high;) {
    size_t middle = (low + high) / 2;
    const struct extent *x = &w->extents[middle];
    if (x->space < space || (x->space == space && x->at.end <= address))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// `count`: of extents that are in order.
static int resolve(struct image_writer *w, size_t count, const struct shared_range *s, struct error *e) {
  uint64_t at = s->range.start;
  for (size_t i = search(w, count, s->from, at); i < count && at < s->range.end; i++) {
    struct extent x = w->extents[i];
    if (x.space != s->from || x.at.start > at)
      break;
    x = (struct extent){s->range.space, writer_cut(x.at, at, s->range.end)};
    at = x.at.end;
    array_reserve(w->extents, w->extent_count, w->extent_capacity);
    w->extents[w->extent_count++] = x;
  }
  return at < s->range.end ? error_set(e, ERROR_FAILED, "%s would lack the page at 0x%llx of space %u", w->file.path,
                                       (unsigned long long)at, s->range.space)
                           : 0;
}

int writer_resolve_shares(struct image_writer *w, struct error *e) {
  for (size_t i = 0, k; i < w->share_count; i = k) {
    size_t count = w->extent_count;
    for (k = i; k < w->share_count && w->shares[k].range.space == w->shares[i].range.space; k++)
      if (resolve(w, count, &w->shares[k], e) < 0)
        return -1;
    if (writer_order_extents(w, e) < 0)
      return -1;
  }
  return 0;
}
