// SPDX-License-Identifier: EPL-2.0
// Images: snapshots in files. Reading and writing them; nothing here knows of processes.
//
// An image is a header, blocks of pages, a table of blocks, a table of extents, and the metadata (proto/image.proto);
// docs/image-format.md says where each byte stands. All functions that can fail return -1 with `e`, or -errno where
// they say so.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "proto/image.pb-c.h"

enum { IMAGE_PAGE = 4096, IMAGE_ID = 16 };

// ---- writing ----

struct image_writer;

enum image_compression { IMAGE_PLAIN, IMAGE_ZSTD };

struct image_writer_options {
  const char *path;  // the final name; an existing file is replaced only when the new one is whole
  enum image_compression compression;
  int level;         // of zstd; 0: the default
  unsigned workers;  // threads; 0: by the number of processors
  // Called by the thread that writes, now and then: bytes of memory done and in all. Not 0: stop, ERROR_CANCELLED.
  int (*progress)(void *data, uint64_t done, uint64_t total);
  void *data;
};

// Reads memory of a space. Called by several threads at once. 0 or -errno.
struct image_source {
  uint32_t space;
  int (*read)(void *data, uint64_t address, void *bytes, size_t size);
  void *data;
};

struct image;

int image_writer_open(const struct image_writer_options *options, struct image_writer **ret, struct error *e);
// Pages of [start, end) are to be read from the source and stored (those that are zero as such). Ranges of one space
// come in ascending order and do not overlap.
void image_writer_add(struct image_writer *w, uint32_t space, uint64_t start, uint64_t end);
// These pages are what `parent` holds there (in `parent` itself or in an ancestor of it), or does not hold.
int image_writer_refer(struct image_writer *w, uint32_t space, uint64_t start, uint64_t end, const struct image *parent,
                       struct error *e);
// These pages are what the space `from` of the same image holds there: stored once, for both. To be said for all pages
// of `from` before `from` itself is named like this.
void image_writer_share(struct image_writer *w, uint32_t space, uint64_t start, uint64_t end, uint32_t from);
int image_writer_write(struct image_writer *w, const struct image_source *sources, size_t count, struct error *e);
// Metadata, tables and header; synced to the disk and given its name. `metadata->ancestor` is filled in here.
int image_writer_finish(struct image_writer *w, Snapback__Image__Image *metadata, uint64_t *ret_bytes, struct error *e);
const uint8_t *image_writer_id(const struct image_writer *w);
void image_writer_free(struct image_writer *w);  // not finished: no trace is left of the file. NULL is fine

// ---- reading ----

// Reads header, tables and metadata, and checks all of them: whatever stands in the file, what is returned is sound.
// Ancestors are not opened yet.
int image_open(const char *path, struct image **ret, struct error *e);
void image_close(struct image *i);  // NULL is fine

const Snapback__Image__Image *image_metadata(const struct image *i);
const uint8_t *image_id(const struct image *i);
const char *image_path(const struct image *i);
uint64_t image_bytes(const struct image *i);  // of the file

// Opens the ancestors: by their old path, beside the image, and in `folder` (may be NULL). One that is missing, or is
// another image now, is named.
int image_open_ancestors(struct image *i, const char *folder, struct error *e);

// Where ancestor `index` was found, or (not opened) where it was when the image was written.
const char *image_ancestor_path(const struct image *i, size_t index);

enum image_extent_kind { IMAGE_EXTENT_ZERO, IMAGE_EXTENT_DATA };

// Pages of a space that lie together in one block.
struct image_extent {
  uint64_t start, end;  // addresses in the space
  enum image_extent_kind kind;
  unsigned file;        // 0: this image; else 1 + index of the ancestor
  unsigned block;       // of that file
  unsigned first_page;  // in the block
};
// In ascending order. The array belongs to the image.
const struct image_extent *image_extents(const struct image *i, uint32_t space, size_t *ret_count);

// The index of the first extent of a sorted array that ends behind `address`; `count`: none does.
size_t extents_search(const struct image_extent *x, size_t count, uint64_t address);

// Where the pages of a block lie in a file, one behind the other and aligned, so that they can be mapped. False: the
// block is packed. The descriptor belongs to the image; nobody has checked the bytes.
bool image_block_place(const struct image *i, unsigned file, unsigned block, int *ret_fd, uint64_t *ret_offset);

// Whether these are the bytes of such a block: its checksum is that of them.
bool image_block_matches(const struct image *i, unsigned file, unsigned block, const void *bytes);

// The bytes of one block, unpacked and checked against its checksum. `*ret_bytes` stays valid until image_block_done.
// May be called by several threads at once.
struct image_block {
  const unsigned char *bytes;
  size_t size;
  void *owned;
};
int image_block_read(const struct image *i, unsigned file, unsigned block, struct image_block *ret, struct error *e);
void image_block_done(struct image_block *b);

// Reads any bytes of a space. What it does not hold reads as zero and `*ret_holes` (may be NULL) becomes true.
int image_read(const struct image *i, uint32_t space, uint64_t address, void *bytes, size_t size, bool *ret_holes,
               struct error *e);

// Checks every block of the image, and of its ancestors as far as it uses them.
int image_verify(const struct image *i, struct error *e);
