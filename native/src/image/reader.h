// SPDX-License-Identifier: EPL-2.0
// What the parts of the reader share.
#pragma once

#include <pthread.h>

#include "image/block_file.h"

// The extents of one space: [first, first + count).
struct space_extents {
  uint32_t space;
  size_t first, count;
};

enum { CACHED_BLOCKS = 8 };

struct cached_block {
  unsigned file, block;
  struct image_block content;  // no bytes: the place is free
  uint64_t used;               // when, by the cache's own clock
};

// Blocks that image_read has unpacked. The lock is for all of it.
struct block_cache {
  pthread_mutex_t lock;
  struct cached_block blocks[CACHED_BLOCKS];
  uint64_t clock;
};

struct image {
  struct block_file own;
  struct block_file *ancestors;  // metadata->n_ancestor; fd -1: not open
  Snapback__Image__Image *metadata;
  struct image_extent *extents;
  size_t extent_count;
  struct space_extents *spaces;  // those that have extents, in order
  size_t space_count;
  struct block_cache *cache;
};

// Whether the stored pages belong to what the metadata describes.
int image_check_spaces(const struct image *i, struct error *e);

struct block_cache *block_cache_new(void);
void block_cache_free(struct block_cache *c);
