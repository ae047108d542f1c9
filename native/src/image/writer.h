// SPDX-License-Identifier: EPL-2.0
// What the parts of the writer share.
#pragma once

#include "image/format.h"
#include "image/new_file.h"

// Pages to be read from a source.
struct range {
  uint32_t space;
  uint64_t start, end;
};

// Pages that another space of the image holds.
struct shared_range {
  struct range range;
  uint32_t from;
};

struct writer_ancestor {
  uint8_t id[IMAGE_ID];
  char *path;
  bool used;
};

struct image_writer {
  struct new_file file;
  struct image_writer_options options;
  uint8_t id[IMAGE_ID];
  struct range *ranges;
  size_t range_count, range_capacity;
  struct shared_range *shares;
  size_t share_count, share_capacity;
  struct extent *extents;
  size_t extent_count, extent_capacity;
  struct block_place *blocks;
  size_t block_count, block_capacity;
  struct writer_ancestor *ancestors;  // extents name them as file 1, 2…
  size_t ancestor_count, ancestor_capacity;
  uint8_t parent_id[IMAGE_ID];  // of the image that was referred to last
  size_t *parent_files;         // for each of its files (0: itself), which ancestor it is for us; NULL: none yet
  uint64_t end;                 // where the next block may begin
};

// Reads all ranges from their sources and stores them: fills blocks and extents.
int writer_store_ranges(struct image_writer *w, const struct image_source *sources, size_t count, struct error *e);

struct image_extent writer_cut(struct image_extent x, uint64_t start, uint64_t end);
int writer_order_extents(struct image_writer *w, struct error *e);
// Extents for what spaces share. All others are there, in order; so are these then.
int writer_resolve_shares(struct image_writer *w, struct error *e);
