// SPDX-License-Identifier: EPL-2.0
// The bytes of an image: header, entries of the tables, and their limits. docs/image-format.md is their description.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

enum {
  FORMAT_VERSION = 1,
  HEADER_BYTES = 4096,
  BLOCK_ENTRY_BYTES = 24,
  EXTENT_ENTRY_BYTES = 32,
  BLOCK_PAGES = 256,  // at most
  BLOCK_BYTES = BLOCK_PAGES * IMAGE_PAGE,
  TABLE_ALIGNMENT = 8,
  BLOCKS_MAX = 1 << 24,
  EXTENTS_MAX = 1 << 26,
  METADATA_MAX = 256 << 20,  // bytes
};

// A table of `count` entries (the metadata: of bytes), and the XXH64 of its bytes.
struct table_place {
  uint64_t offset, count, checksum;
};

struct header {
  uint8_t id[IMAGE_ID];
  uint64_t bytes;  // of the whole file
  struct table_place extents, blocks, metadata;
};

// One block: where its bytes are, and what they are.
struct block_place {
  uint64_t offset, checksum;
  uint32_t stored;  // bytes in the file
  uint16_t pages;
  uint8_t compression;
};

// An extent together with its space, as the table holds them.
struct extent {
  uint32_t space;
  struct image_extent at;
};

void header_encode(const struct header *h, unsigned char bytes[HEADER_BYTES]);
// NULL, or what is wrong: "is no image", as the end of a sentence that begins with the file.
const char *header_decode(const unsigned char bytes[HEADER_BYTES], struct header *ret);

void block_encode(const struct block_place *b, unsigned char bytes[BLOCK_ENTRY_BYTES]);
// False: it cannot be a block of a file whose blocks end at `end`.
bool block_decode(const unsigned char bytes[BLOCK_ENTRY_BYTES], uint64_t end, struct block_place *ret);

void extent_encode(const struct extent *x, unsigned char bytes[EXTENT_ENTRY_BYTES]);
// False: it is not sound in itself. Whether its block is there has still to be seen.
bool extent_decode(const unsigned char bytes[EXTENT_ENTRY_BYTES], struct extent *ret);

uint64_t checksum_of(const void *bytes, size_t size);

static inline uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }
static inline bool page_aligned(uint64_t n) { return n % IMAGE_PAGE == 0; }
