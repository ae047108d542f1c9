// SPDX-License-Identifier: EPL-2.0
// One file of blocks: the header and the table of blocks of an image, or of one of its ancestors.
#pragma once

#include "image/format.h"

struct block_file {
  int fd;  // -1: not open
  char *path;
  struct header header;
  struct block_place *blocks;  // header.blocks.count
};

int block_file_open(const char *path, struct block_file *ret, struct error *e);
void block_file_done(struct block_file *f);

// Reads a whole table, `entry` bytes each, and checks its checksum. The caller frees it.
int block_file_table(const struct block_file *f, const struct table_place *place, size_t entry, const char *name,
                     unsigned char **ret, struct error *e);

// Unpacks a block into `bytes`, which has room for its pages. Any thread.
int block_file_read(const struct block_file *f, unsigned block, unsigned char *bytes, struct error *e);
