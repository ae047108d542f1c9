// SPDX-License-Identifier: EPL-2.0
// The memory of a core file: which stretches of it there are, and where their bytes come from.
#pragma once

#include "image/image.h"
#include "image/new_file.h"

struct core_segment {
  const Snapback__Image__Mapping *mapping;
  uint64_t start, end;
  bool stored;  // else the debugger reads it from the mapped file, or there is nothing to be read
};

struct core_segments {
  struct core_segment *item;
  size_t count, capacity;
};

void core_segments_list(const struct image *i, const Snapback__Image__Process *p, struct core_segments *ret);
void core_segments_done(struct core_segments *s);

// Writes the bytes of a stored segment at this place of the file; pages of zeros are left to the file system.
int core_segment_write(const struct image *i, const Snapback__Image__Process *p, const struct core_segment *s,
                       struct new_file *file, uint64_t at, struct error *e);
