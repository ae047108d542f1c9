// SPDX-License-Identifier: EPL-2.0
// Reading what an image holds: whole blocks, any bytes of a space, and all of it for a check.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "image/reader.h"

static int not_opened(const struct image *i, struct error *e) {
  return error_set(e, ERROR_FAILED, "%s builds on other images, which have not been opened", i->own.path);
}

// The file that an extent names, once it is open.
static const struct block_file *file_of(const struct image *i, unsigned file, unsigned block, struct error *e) {
  const struct block_file *f = NULL;
  if (file <= i->metadata->n_ancestor)
    f = file ? &i->ancestors[file - 1] : &i->own;
  if (f && f->fd >= 0 && block < f->header.blocks.count)
    return f;
  (void)not_opened(i, e);
  return NULL;
}

bool image_block_place(const struct image *i, unsigned file, unsigned block, int *ret_fd, uint64_t *ret_offset) {
  const struct block_file *f = file_of(i, file, block, NULL);
  if (!f || f->blocks[block].compression != IMAGE_PLAIN)
    return false;
  *ret_fd = f->fd;
  *ret_offset = f->blocks[block].offset;
  return true;
}

bool image_block_matches(const struct image *i, unsigned file, unsigned block, const void *bytes) {
  const struct block_file *f = file_of(i, file, block, NULL);
  return f && f->blocks[block].compression == IMAGE_PLAIN &&
         checksum_of(bytes, f->blocks[block].stored) == f->blocks[block].checksum;
}

int image_block_read(const struct image *i, unsigned file, unsigned block, struct image_block *ret, struct error *e) {
  const struct block_file *f = file_of(i, file, block, e);
  if (!f)
    return -1;
  size_t size = (size_t)f->blocks[block].pages * IMAGE_PAGE;
  _cleanup_free_ unsigned char *bytes = malloc(size);
  if (!bytes)
    return error_set_errno(e, -ENOMEM, "cannot read %s", f->path);
  if (block_file_read(f, block, bytes, e))
    return -1;
  *ret = (struct image_block){.bytes = bytes, .size = size, .owned = bytes};
  bytes = NULL;
  return 0;
}

void image_block_done(struct image_block *b) {
  free(b->owned);
  *b = (struct image_block){0};
}

// ---- the cache ----

struct block_cache *block_cache_new(void) {
  struct block_cache *c = must_alloc(sizeof *c);
  (void)pthread_mutex_init(&c->lock, NULL);
  return c;
}

void block_cache_free(struct block_cache *c) {
  if (!c)
    return;
  for (int n = 0; n < CACHED_BLOCKS; n++)
    image_block_done(&c->blocks[n].content);
  (void)pthread_mutex_destroy(&c->lock);
  free(c);
}

static struct cached_block *oldest(struct block_cache *c) {
  struct cached_block *found = &c->blocks[0];
  for (int n = 1; n < CACHED_BLOCKS; n++)
    if (c->blocks[n].used < found->used)
      found = &c->blocks[n];
  return found;
}

// The bytes of a block; the lock is held. NULL with `e`.
static const unsigned char *cached_bytes(const struct image *i, const struct image_extent *x, struct error *e) {
  struct block_cache *c = i->cache;
  struct cached_block *found = NULL;
  for (int n = 0; n < CACHED_BLOCKS && !found; n++)
    if (c->blocks[n].content.bytes && c->blocks[n].file == x->file && c->blocks[n].block == x->block)
      found = &c->blocks[n];
  if (!found) {
    struct image_block content;
    if (image_block_read(i, x->file, x->block, &content, e))
      return NULL;
    found = oldest(c);
    image_block_done(&found->content);
    *found = (struct cached_block){.file = x->file, .block = x->block, .content = content};
  }
  found->used = ++c->clock;
  return found->content.bytes;
}

// ---- any bytes ----

static int copy_from_block(const struct image *i, const struct image_extent *x, uint64_t address, void *to, size_t size,
                           struct error *e) {
  pthread_mutex_lock(&i->cache->lock);
  const unsigned char *bytes = cached_bytes(i, x, e);
  if (bytes)
    memcpy(to, bytes + (uint64_t)x->first_page * IMAGE_PAGE + (address - x->start), size);
  pthread_mutex_unlock(&i->cache->lock);
  return bytes ? 0 : -1;
}

int image_read(const struct image *i, uint32_t space, uint64_t address, void *bytes, size_t size, bool *ret_holes,
               struct error *e) {
  size_t count;
  const struct image_extent *x = image_extents(i, space, &count);
  uint64_t at = address, end = address + size < address ? UINT64_MAX : address + size;
  unsigned char *to = bytes;
  bool holes = false;
  memset(bytes, 0, size);
  for (size_t n = extents_search(x, count, at); n < count && at < end && x[n].start < end; n++) {
    uint64_t from = x[n].start > at ? x[n].start : at, until = x[n].end < end ? x[n].end : end;
    holes |= from > at;
    if (x[n].kind == IMAGE_EXTENT_DATA &&
        copy_from_block(i, &x[n], from, to + (from - address), (size_t)(until - from), e))
      return -1;
    at = until;
  }
  if (ret_holes)
    *ret_holes |= holes || at < end;
  return 0;
}

// ---- all blocks ----

static int check_block(const struct image *i, unsigned file, unsigned block, struct error *e) {
  struct image_block b;
  if (image_block_read(i, file, block, &b, e))
    return -1;
  image_block_done(&b);
  return 0;
}

// Only the blocks that the image uses.
static int check_ancestor(const struct image *i, unsigned file, struct error *e) {
  const struct block_file *f = &i->ancestors[file - 1];
  if (f->fd < 0)
    return not_opened(i, e);
  _cleanup_free_ unsigned char *seen = must_alloc(f->header.blocks.count);
  for (size_t n = 0; n < i->extent_count; n++) {
    const struct image_extent *x = &i->extents[n];
    if (x->file != file || seen[x->block])
      continue;
    if (check_block(i, file, x->block, e))
      return -1;
    seen[x->block] = 1;
  }
  return 0;
}

int image_verify(const struct image *i, struct error *e) {
  for (unsigned block = 0; block < i->own.header.blocks.count; block++)
    if (check_block(i, 0, block, e))
      return -1;
  for (unsigned file = 1; file <= i->metadata->n_ancestor; file++)
    if (check_ancestor(i, file, e))
      return -1;
  return 0;
}
