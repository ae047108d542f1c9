// SPDX-License-Identifier: EPL-2.0
// Where the threads of an image stand, by name.
#pragma once

#include "cli/symbols.h"
#include "image/image.h"

enum { FRAME_FILES = 64 };

struct frame {
  const Snapback__Image__Mapping *mapping;  // NULL: the pc lies in none
  const char *function;                     // "": unknown. Belongs to the files
  uint64_t offset;                          // behind the function's beginning; else in the file; else the pc itself
};

// Files whose symbols have been looked at.
struct frame_files {
  struct {
    const char *path;
    struct symbols *symbols;
  } item[FRAME_FILES];
  unsigned count;
};

struct frame frame_of(struct frame_files *files, const Snapback__Image__Process *p, const Snapback__Image__Thread *t);
void frame_files_done(struct frame_files *files);

char *text_of_frame(const struct frame *f);  // "main+0x12 in bank"; the caller frees it
