// SPDX-License-Identifier: EPL-2.0
// What differs between two images.
#pragma once

#include "image/image.h"

struct difference {
  int32_t process;
  const char *kind;     // "process", "thread", "mapping", "pages", "register", "descriptor"
  char *what;           // which: "7f00-9f00", "5002 rip", "3"
  char *a, *b;          // what it is in each; NULL: it is not there
  uint64_t start, end;  // pages: their addresses; else 0
};

struct differences {
  struct difference *item;
  size_t count, capacity;
};

int differences_find(const struct image *a, const struct image *b, struct differences *ret, struct error *e);
void differences_done(struct differences *d);

// Takes the texts over.
void differences_add(struct differences *d, struct difference item);

// Pages of two mappings of one process that lie at the same addresses.
struct mapped_pages {
  const struct image *image;
  const Snapback__Image__Process *process;
  const Snapback__Image__Mapping *mapping;
};
int differences_of_pages(struct differences *d, const struct mapped_pages *a, const struct mapped_pages *b,
                         struct error *e);
