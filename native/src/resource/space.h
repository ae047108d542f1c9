// SPDX-License-Identifier: EPL-2.0
// Copying the pages of a space of an image to where they belong, with all processors.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/image.h"

struct space_target {
  // Writes `size` bytes that stand at `address` of the space; called by several threads at once. 0 or -errno.
  int (*write)(const void *data, uint64_t address, const void *bytes, size_t size);
  // Pages of [start, end) are zero in the space: true, they have to be written all the same. NULL: never.
  bool (*wants_zeroes)(const void *data, uint64_t start, uint64_t end);
  const void *data;
};

// The threads that do it have numbers of our own namespace for the moment.
int space_copy(const struct image *image, uint32_t space, const struct space_target *target, struct error *e);

// The same, of these extents of any space of the image only.
int space_copy_extents(const struct image *image, const struct image_extent *extent, size_t count,
                       const struct space_target *target, struct error *e);

// To a file whose offsets are the addresses of the space; it is empty, or reads as zero.
int space_copy_to_file(const struct image *image, uint32_t space, int fd, struct error *e);
