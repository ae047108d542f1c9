// SPDX-License-Identifier: EPL-2.0
// Writing an image: what goes into it, and the tables, metadata and header behind and before its blocks.
#include "image/writer.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "image/metadata.h"

int image_writer_open(const struct image_writer_options *options, struct image_writer **ret, struct error *e) {
  struct image_writer *w = must_alloc(sizeof *w);
  w->options = *options;
  w->end = HEADER_BYTES;
  if (new_file_open(options->path, &w->file, e)) {
    free(w);
    return -1;
  }
  if (getrandom(w->id, sizeof w->id, 0) != sizeof w->id) {
    image_writer_free(w);
    return error_set_errno(e, -EIO, "cannot get random bytes for the id of %s", options->path);
  }
  *ret = w;
  return 0;
}

const uint8_t *image_writer_id(const struct image_writer *w) { return w->id; }

void image_writer_free(struct image_writer *w) {
  if (!w)
    return;
  new_file_done(&w->file);
  for (size_t i = 0; i < w->ancestor_count; i++)
    free(w->ancestors[i].path);
  free(w->ancestors);
  free(w->parent_files);
  free(w->ranges);
  free(w->shares);
  free(w->extents);
  free(w->blocks);
  free(w);
}

void image_writer_add(struct image_writer *w, uint32_t space, uint64_t start, uint64_t end) {
  if (start >= end)
    return;
  struct range *last = w->range_count ? &w->ranges[w->range_count - 1] : NULL;
  if (last && last->space == space && last->end == start) {
    last->end = end;
    return;
  }
  array_reserve(w->ranges, w->range_count, w->range_capacity);
  w->ranges[w->range_count++] = (struct range){space, start, end};
}

// ---- pages that an older image holds ----

static size_t ancestor_of(struct image_writer *w, const uint8_t *id, const char *path) {
  for (size_t i = 0; i < w->ancestor_count; i++)
    if (memcmp(w->ancestors[i].id, id, IMAGE_ID) == 0)
      return i;
  array_reserve(w->ancestors, w->ancestor_count, w->ancestor_capacity);
  struct writer_ancestor *a = &w->ancestors[w->ancestor_count++];
  *a = (struct writer_ancestor){.path = must_strdup(path)};
  memcpy(a->id, id, IMAGE_ID);
  return w->ancestor_count - 1;
}

// Which ancestors the files of the parent are for us. All of them come at once, so that the nearest stand first.
static const size_t *ancestors_by_file(struct image_writer *w, const struct image *parent) {
  const Snapback__Image__Image *m = image_metadata(parent);
  if (w->parent_files && memcmp(w->parent_id, image_id(parent), IMAGE_ID) == 0)
    return w->parent_files;
  memcpy(w->parent_id, image_id(parent), IMAGE_ID);
  w->parent_files = must_realloc(w->parent_files, m->n_ancestor + 1, sizeof *w->parent_files);
  w->parent_files[0] = ancestor_of(w, image_id(parent), image_path(parent));
  for (size_t i = 0; i < m->n_ancestor; i++)
    w->parent_files[i + 1] = ancestor_of(w, m->ancestor[i]->id.data, image_ancestor_path(parent, i));
  return w->parent_files;
}

static void refer_extent(struct image_writer *w, uint32_t space, struct image_extent x, const struct image *parent) {
  if (x.kind == IMAGE_EXTENT_DATA) {
    size_t ancestor = ancestors_by_file(w, parent)[x.file];
    w->ancestors[ancestor].used = true;
    x.file = (unsigned)ancestor + 1;
  }
  array_reserve(w->extents, w->extent_count, w->extent_capacity);
  w->extents[w->extent_count++] = (struct extent){space, x};
}

struct image_extent writer_cut(struct image_extent x, uint64_t start, uint64_t end) {
  if (x.start < start) {
    if (x.kind == IMAGE_EXTENT_DATA)
      x.first_page += (unsigned)((start - x.start) / IMAGE_PAGE);
    x.start = start;
  }
  if (x.end > end)
    x.end = end;
  return x;
}

int image_writer_refer(struct image_writer *w, uint32_t space, uint64_t start, uint64_t end, const struct image *parent,
                       struct error *e) {
  if (!page_aligned(start) || !page_aligned(end))
    return error_set(e, ERROR_FAILED, "pages of space %u for %s are not whole", space, w->file.path);
  size_t count;
  const struct image_extent *x = image_extents(parent, space, &count);
  for (size_t i = extents_search(x, count, start); i < count && x[i].start < end; i++)
    refer_extent(w, space, writer_cut(x[i], start, end), parent);
  return 0;
}

int image_writer_write(struct image_writer *w, const struct image_source *sources, size_t count, struct error *e) {
  return writer_store_ranges(w, sources, count, e);
}

// ---- the end of the file ----

static int by_place(const void *a, const void *b) {
  const struct extent *x = a, *y = b;
  if (x->space != y->space)
    return x->space < y->space ? -1 : 1;
  return x->at.start < y->at.start ? -1 : x->at.start > y->at.start;
}

// Zero pages that follow each other become one extent, and so do neighbours in a block.
static bool join(struct extent *x, const struct extent *next) {
  if (x->space != next->space || x->at.end != next->at.start || x->at.kind != next->at.kind)
    return false;
  uint64_t pages = (x->at.end - x->at.start) / IMAGE_PAGE, more = (next->at.end - next->at.start) / IMAGE_PAGE;
  if (x->at.kind == IMAGE_EXTENT_ZERO ? pages + more > UINT32_MAX
                                      : x->at.file != next->at.file || x->at.block != next->at.block ||
                                            x->at.first_page + pages != next->at.first_page)
    return false;
  x->at.end = next->at.end;
  return true;
}

int writer_order_extents(struct image_writer *w, struct error *e) {
  size_t n = 0;
  if (w->extent_count)
    qsort(w->extents, w->extent_count, sizeof *w->extents, by_place);
  for (size_t i = 0; i < w->extent_count; i++) {
    struct extent *last = n ? &w->extents[n - 1] : NULL, *x = &w->extents[i];
    if (last && last->space == x->space && last->at.end > x->at.start)
      return error_set(e, ERROR_FAILED, "%s would hold the page at 0x%llx of space %u twice", w->file.path,
                       (unsigned long long)x->at.start, x->space);
    if (!last || !join(last, x))
      w->extents[n++] = *x;
  }
  w->extent_count = n;
  return 0;
}

static void drop_unused_ancestors(struct image_writer *w) {
  _cleanup_free_ unsigned *number = must_alloc((w->ancestor_count + 1) * sizeof *number);
  size_t n = 0;
  for (size_t i = 0; i < w->ancestor_count; i++) {
    if (!w->ancestors[i].used) {
      free(w->ancestors[i].path);
      continue;
    }
    w->ancestors[n++] = w->ancestors[i];
    number[i + 1] = (unsigned)n;
  }
  w->ancestor_count = n;
  for (size_t i = 0; i < w->extent_count; i++)
    w->extents[i].at.file = number[w->extents[i].at.file];
}

static Snapback__Image__Ancestor *describe_ancestor(const struct writer_ancestor *a) {
  const char *slash = strrchr(a->path, '/');
  Snapback__Image__Ancestor *described = must_alloc(sizeof *described);
  snapback__image__ancestor__init(described);
  described->id = (ProtobufCBinaryData){.len = IMAGE_ID, .data = must_alloc(IMAGE_ID)};
  memcpy(described->id.data, a->id, IMAGE_ID);
  described->path = must_strdup(a->path);
  described->file = must_strdup(slash ? slash + 1 : a->path);
  return described;
}

static void describe_ancestors(const struct image_writer *w, Snapback__Image__Image *metadata) {
  for (size_t i = 0; i < metadata->n_ancestor; i++)
    snapback__image__ancestor__free_unpacked(metadata->ancestor[i], NULL);
  free(metadata->ancestor);
  metadata->n_ancestor = w->ancestor_count;
  metadata->ancestor = must_alloc((w->ancestor_count + 1) * sizeof *metadata->ancestor);
  for (size_t i = 0; i < w->ancestor_count; i++)
    metadata->ancestor[i] = describe_ancestor(&w->ancestors[i]);
}

static int put(struct image_writer *w, const void *bytes, size_t size, uint64_t at, struct error *e) {
  int r = new_file_write(&w->file, bytes, size, at);
  return r ? error_set_errno(e, r, "cannot write %s", w->file.path) : 0;
}

static int put_extents(struct image_writer *w, struct table_place *place, struct error *e) {
  size_t size = w->extent_count * EXTENT_ENTRY_BYTES;
  _cleanup_free_ unsigned char *bytes = must_alloc(size);
  for (size_t i = 0; i < w->extent_count; i++)
    extent_encode(&w->extents[i], bytes + i * EXTENT_ENTRY_BYTES);
  *place = (struct table_place){round_up(w->end, TABLE_ALIGNMENT), w->extent_count, checksum_of(bytes, size)};
  w->end = place->offset + size;
  return put(w, bytes, size, place->offset, e);
}

static int put_blocks(struct image_writer *w, struct table_place *place, struct error *e) {
  size_t size = w->block_count * BLOCK_ENTRY_BYTES;
  _cleanup_free_ unsigned char *bytes = must_alloc(size);
  for (size_t i = 0; i < w->block_count; i++)
    block_encode(&w->blocks[i], bytes + i * BLOCK_ENTRY_BYTES);
  *place = (struct table_place){w->end, w->block_count, checksum_of(bytes, size)};
  w->end += size;
  return put(w, bytes, size, place->offset, e);
}

static int put_metadata(struct image_writer *w, const Snapback__Image__Image *metadata, struct table_place *place,
                        struct error *e) {
  size_t size = snapback__image__image__get_packed_size(metadata);
  if (size > METADATA_MAX)
    return error_set(e, ERROR_REFUSED, "the session has too many parts for an image: their description takes %zu bytes",
                     size);
  _cleanup_free_ unsigned char *bytes = must_alloc(size);
  (void)snapback__image__image__pack(metadata, bytes);
  *place = (struct table_place){w->end, size, checksum_of(bytes, size)};
  w->end += size;
  return put(w, bytes, size, place->offset, e);
}

static int check_counts(const struct image_writer *w, struct error *e) {
  if (w->extent_count <= EXTENTS_MAX && w->block_count <= BLOCKS_MAX)
    return 0;
  return error_set(e, ERROR_REFUSED, "the session has more memory than an image can hold");
}

int image_writer_finish(struct image_writer *w, Snapback__Image__Image *metadata, uint64_t *ret_bytes,
                        struct error *e) {
  struct header h = {0};
  unsigned char bytes[HEADER_BYTES];
  if (writer_order_extents(w, e) || writer_resolve_shares(w, e) || check_counts(w, e))
    return -1;
  drop_unused_ancestors(w);
  describe_ancestors(w, metadata);
  const char *wrong = metadata_check(metadata);
  if (wrong)
    return error_set(e, ERROR_FAILED, "cannot write %s: its metadata %s", w->file.path, wrong);
  if (put_extents(w, &h.extents, e) || put_blocks(w, &h.blocks, e) || put_metadata(w, metadata, &h.metadata, e))
    return -1;
  memcpy(h.id, w->id, IMAGE_ID);
  h.bytes = w->end;
  header_encode(&h, bytes);
  if (put(w, bytes, sizeof bytes, 0, e) || new_file_keep(&w->file, e))
    return -1;
  if (ret_bytes)
    *ret_bytes = h.bytes;
  return 0;
}
