// SPDX-License-Identifier: EPL-2.0
// Opening an image and its ancestors. Whatever stands in the file, an image that opens is sound.
#include "image/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "image/metadata.h"

static int damaged(const struct image *i, const char *what, uint64_t number, struct error *e) {
  return error_set(e, ERROR_FAILED, "%s is damaged: extent %llu %s", i->own.path, (unsigned long long)number, what);
}

// The block of an extent must have the pages that the extent names.
static bool block_has(const struct block_file *f, const struct image_extent *x) {
  return x->block < f->header.blocks.count &&
         x->first_page + (x->end - x->start) / IMAGE_PAGE <= f->blocks[x->block].pages;
}

static const char *fault_of_extent(const struct image *i, const struct extent *x, const struct extent *before) {
  if (before && (before->space > x->space || (before->space == x->space && before->at.end > x->at.start)))
    return "is not behind the one before it";
  if (x->at.kind == IMAGE_EXTENT_ZERO)
    return NULL;
  if (x->at.file > i->metadata->n_ancestor)
    return "lies in a file that is not named";
  return x->at.file || block_has(&i->own, &x->at) ? NULL : "lies in a block that is not there";
}

static void add_to_space(struct image *i, uint32_t space, size_t at, size_t *capacity) {
  if (!i->space_count || i->spaces[i->space_count - 1].space != space) {
    array_reserve(i->spaces, i->space_count, *capacity);
    i->spaces[i->space_count++] = (struct space_extents){.space = space, .first = at};
  }
  i->spaces[i->space_count - 1].count++;
}

static int read_extents(struct image *i, struct error *e) {
  const struct table_place *place = &i->own.header.extents;
  _cleanup_free_ unsigned char *bytes = NULL;
  size_t capacity = 0;
  struct extent x, before;
  if (block_file_table(&i->own, place, EXTENT_ENTRY_BYTES, "its table of extents", &bytes, e))
    return -1;
  i->extents = calloc(place->count ? place->count : 1, sizeof *i->extents);
  if (!i->extents)
    return error_set_errno(e, -ENOMEM, "cannot read the table of extents of %s", i->own.path);
  for (uint64_t n = 0; n < place->count; n++, before = x) {
    if (!extent_decode(bytes + n * EXTENT_ENTRY_BYTES, &x))
      return damaged(i, "cannot be", n, e);
    const char *wrong = fault_of_extent(i, &x, n ? &before : NULL);
    if (wrong)
      return damaged(i, wrong, n, e);
    add_to_space(i, x.space, n, &capacity);
    i->extents[n] = x.at;
  }
  i->extent_count = place->count;
  return 0;
}

static int prepare_ancestors(struct image *i, struct error *e) {
  i->ancestors = calloc(i->metadata->n_ancestor + 1, sizeof *i->ancestors);
  if (!i->ancestors)
    return error_set_errno(e, -ENOMEM, "cannot open %s", i->own.path);
  for (size_t n = 0; n < i->metadata->n_ancestor; n++) {
    i->ancestors[n].fd = -1;
    if (memcmp(i->metadata->ancestor[n]->id.data, i->own.header.id, IMAGE_ID) == 0)
      return error_set(e, ERROR_FAILED, "%s is damaged: it names itself as its ancestor", i->own.path);
  }
  return 0;
}

static int read_image(struct image *i, const char *path, struct error *e) {
  if (block_file_open(path, &i->own, e) || metadata_read(&i->own, &i->metadata, e))
    return -1;
  return prepare_ancestors(i, e) || read_extents(i, e) || image_check_spaces(i, e) ? -1 : 0;
}

int image_open(const char *path, struct image **ret, struct error *e) {
  struct image *i = must_alloc(sizeof *i);
  i->own.fd = -1;
  i->cache = block_cache_new();
  if (read_image(i, path, e)) {
    image_close(i);
    return -1;
  }
  *ret = i;
  return 0;
}

void image_close(struct image *i) {
  if (!i)
    return;
  for (size_t n = 0; i->ancestors && n < i->metadata->n_ancestor; n++)
    block_file_done(&i->ancestors[n]);
  free(i->ancestors);
  block_cache_free(i->cache);
  if (i->metadata)
    snapback__image__image__free_unpacked(i->metadata, NULL);
  free(i->extents);
  free(i->spaces);
  block_file_done(&i->own);
  free(i);
}

const Snapback__Image__Image *image_metadata(const struct image *i) { return i->metadata; }
const uint8_t *image_id(const struct image *i) { return i->own.header.id; }
const char *image_path(const struct image *i) { return i->own.path; }
uint64_t image_bytes(const struct image *i) { return i->own.header.bytes; }

const char *image_ancestor_path(const struct image *i, size_t index) {
  return i->ancestors[index].path ? i->ancestors[index].path : i->metadata->ancestor[index]->path;
}

static int by_space(const void *key, const void *element) {
  uint32_t space = *(const uint32_t *)key, at = ((const struct space_extents *)element)->space;
  return space < at ? -1 : space > at;
}

const struct image_extent *image_extents(const struct image *i, uint32_t space, size_t *ret_count) {
  const struct space_extents *s =
      i->space_count ? bsearch(&space, i->spaces, i->space_count, sizeof *s, by_space) : NULL;
  *ret_count = s ? s->count : 0;
  return s ? i->extents + s->first : NULL;
}

size_t extents_search(const struct image_extent *x, size_t count, uint64_t address) {
  size_t low = 0;
  while (low < count) {
    size_t middle = low + (count - low) / 2;
    if (x[middle].end > address)
      count = middle;
    else
      low = middle + 1;
  }
  return low;
}

// ---- ancestors ----

// The places where an ancestor may be; those that are not known are NULL.
static void list_places(const struct image *i, const Snapback__Image__Ancestor *a, const char *folder,
                        char *places[3]) {
  const char *slash = strrchr(i->own.path, '/');
  int length = slash ? (int)(slash - i->own.path) + 1 : 0;
  places[0] = must_strdup(a->path);
  places[1] = must_format("%.*s%s", length, i->own.path, a->file);
  places[2] = folder ? must_format("%s/%s", folder, a->file) : NULL;
}

// 0: found. 1: there is none, or it is another image, of which `seen` is told.
static int try_place(const char *place, const Snapback__Image__Ancestor *a, struct block_file *ret,
                     struct error *seen) {
  struct error e = {0};
  if (!place || !*place || block_file_open(place, ret, &e)) {
    if (e.code && access(place, F_OK) == 0)
      (void)error_set(seen, e.code, "%s", e.text);
    return 1;
  }
  if (memcmp(ret->header.id, a->id.data, IMAGE_ID) == 0)
    return 0;
  (void)error_set(seen, ERROR_FAILED, "%s is another image now", place);
  block_file_done(ret);
  return 1;
}

static int open_ancestor(struct image *i, size_t index, const char *folder, struct error *e) {
  const Snapback__Image__Ancestor *a = i->metadata->ancestor[index];
  struct error seen = {0};
  char *places[3];
  int r = 1;
  list_places(i, a, folder, places);
  for (int n = 0; n < 3; n++) {
    if (r)
      r = try_place(places[n], a, &i->ancestors[index], &seen);
    free(places[n]);
  }
  if (r == 0)
    return 0;
  const char *advice = "give the folder where it is with --image-folder, or put it beside the image";
  if (seen.code)
    return error_set(e, ERROR_FAILED, "%s builds on the image %s, but %s; %s", i->own.path, a->path, seen.text, advice);
  return error_set(e, ERROR_FAILED, "%s builds on the image %s, which is not there any more; %s", i->own.path, a->path,
                   advice);
}

static int open_all_ancestors(struct image *i, const char *folder, struct error *e) {
  for (size_t n = 0; n < i->metadata->n_ancestor; n++)
    if (i->ancestors[n].fd < 0 && open_ancestor(i, n, folder, e))
      return -1;
  for (size_t n = 0; n < i->extent_count; n++) {
    const struct image_extent *x = &i->extents[n];
    if (x->file && !block_has(&i->ancestors[x->file - 1], x))
      return error_set(e, ERROR_FAILED, "%s is damaged: extent %zu lies in a block that %s has not", i->own.path, n,
                       i->ancestors[x->file - 1].path);
  }
  return 0;
}

int image_open_ancestors(struct image *i, const char *folder, struct error *e) {
  if (open_all_ancestors(i, folder, e) == 0)
    return 0;
  for (size_t n = 0; n < i->metadata->n_ancestor; n++)
    block_file_done(&i->ancestors[n]);
  return -1;
}
