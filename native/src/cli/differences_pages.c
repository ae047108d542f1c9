// SPDX-License-Identifier: EPL-2.0
// Pages that differ between two images. What both read from one block of one file is the same without a look.
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "cli/differences.h"
#include "cli/image_words.h"

// A stretch of one space, walked from its start on.
struct side {
  const struct image *image;
  uint32_t space;
  int64_t shift;  // from an address of the process to one of the space
  bool has_space, is_file;
  const struct image_extent *extents;
  size_t count, next;
};

// What a side holds at an address, up to some other address.
struct piece {
  enum { PIECE_FILE, PIECE_ZERO, PIECE_DATA } kind;  // file: what the mapped file holds there
  const uint8_t *id;                                 // of the file with the block
  unsigned block;
  uint64_t page;
};

static struct side side_of(const struct mapped_pages *p, uint64_t start) {
  struct side s = {.image = p->image, .is_file = p->mapping->file != NULL};
  uint64_t at;
  s.has_space = mapping_space(p->image, p->process, p->mapping, &s.space, &at);
  if (!s.has_space)
    return s;
  s.shift = (int64_t)(at - p->mapping->start);
  s.extents = image_extents(p->image, s.space, &s.count);
  s.next = extents_search(s.extents, s.count, start + (uint64_t)s.shift);
  return s;
}

// `*end` becomes smaller when the piece ends before it.
static struct piece piece_at(struct side *s, uint64_t address, uint64_t *end) {
  uint64_t at = address + (uint64_t)s->shift;
  while (s->next < s->count && s->extents[s->next].end <= at)
    s->next++;
  const struct image_extent *x = s->next < s->count ? &s->extents[s->next] : NULL;
  bool inside = x && x->start <= at;
  uint64_t border = (x ? inside ? x->end : x->start : UINT64_MAX) - (x ? (uint64_t)s->shift : 0);
  *end = border < *end ? border : *end;
  if (!inside)
    return (struct piece){.kind = s->is_file ? PIECE_FILE : PIECE_ZERO};
  if (x->kind == IMAGE_EXTENT_ZERO)
    return (struct piece){.kind = PIECE_ZERO};
  return (struct piece){.kind = PIECE_DATA,
                        .id = x->file ? image_metadata(s->image)->ancestor[x->file - 1]->id.data : image_id(s->image),
                        .block = x->block,
                        .page = x->first_page + (at - x->start) / IMAGE_PAGE};
}

static bool same_place(const struct piece *a, const struct piece *b) {
  if (a->kind != b->kind)
    return false;
  return a->kind != PIECE_DATA || (memcmp(a->id, b->id, IMAGE_ID) == 0 && a->block == b->block && a->page == b->page);
}

static void add_pages(struct differences *d, const struct mapped_pages *p, uint64_t start, uint64_t end) {
  struct difference *last = d->count ? &d->item[d->count - 1] : NULL;
  if (last && strcmp(last->kind, "pages") == 0 && last->process == p->process->pid && last->end == start) {
    last->end = end;
    return;
  }
  differences_add(d, (struct difference){.process = p->process->pid,
                                         .kind = "pages",
                                         .what = text_of_mapping_name(p->mapping),
                                         .start = start,
                                         .end = end});
}

// Pages that both hold, in different places.
static int compare_bytes(struct differences *d, const struct mapped_pages *p, const struct side *a,
                         const struct side *b, uint64_t start, uint64_t end, struct error *e) {
  unsigned char x[IMAGE_PAGE], y[IMAGE_PAGE];
  for (; start < end; start += IMAGE_PAGE) {
    if (image_read(a->image, a->space, start + (uint64_t)a->shift, x, IMAGE_PAGE, NULL, e) ||
        image_read(b->image, b->space, start + (uint64_t)b->shift, y, IMAGE_PAGE, NULL, e))
      return -1;
    if (memcmp(x, y, IMAGE_PAGE) != 0)
      add_pages(d, p, start, start + IMAGE_PAGE);
  }
  return 0;
}

int differences_of_pages(struct differences *d, const struct mapped_pages *a, const struct mapped_pages *b,
                         struct error *e) {
  uint64_t start = a->mapping->start > b->mapping->start ? a->mapping->start : b->mapping->start;
  uint64_t end = a->mapping->end < b->mapping->end ? a->mapping->end : b->mapping->end;
  struct side x = side_of(a, start), y = side_of(b, start);
  if (!x.has_space || !y.has_space)
    return 0;
  for (uint64_t at = start, border; at < end; at = border) {
    border = end;
    struct piece p = piece_at(&x, at, &border), q = piece_at(&y, at, &border);
    if (same_place(&p, &q))
      continue;
    if (p.kind != PIECE_DATA || q.kind != PIECE_DATA)
      add_pages(d, a, at, border);
    else if (compare_bytes(d, a, &x, &y, at, border, e))
      return -1;
  }
  return 0;
}
