// SPDX-License-Identifier: EPL-2.0
// Restart: memory that is filled in huge pages aside, and moved to where it belongs.
#pragma once

#include "engine/restart_state.h"

// Whole huge pages of one mapping, and where in the area aside they are filled.
struct huge_range {
  uint64_t start, end;
  uint64_t offset;
};

struct huge_filling {
  struct huge_range *range;  // ascending
  size_t count, capacity;
  uint64_t size;  // of all ranges
  uint64_t area;  // in the new process; a huge page's border
  uint64_t mapped, mapped_size;
};

// Whether the kernel gives huge pages to those who ask for them, and only to those.
bool huge_pages_are_on_advice(void);

// Adds the stretches of a mapping of which the image holds every page.
void huge_filling_add(struct huge_filling *h, const struct image_extent *x, size_t count,
                      const Snapback__Image__Mapping *m);
// Maps the area aside. Where it cannot be had, no range is left.
void huge_filling_open(struct restarting *w, struct huge_filling *h);

// The first range that ends behind `at`; NULL: none does.
const struct huge_range *huge_filling_search(const struct huge_filling *h, uint64_t at);

// Moves all pages to where they belong, by the process's own userfaultfd `there`; what cannot be moved is handed to
// `write`. 0 or -errno.
int huge_filling_move(struct restarting *w, const struct huge_filling *h, int there,
                      int (*write)(const void *data, uint64_t at, const void *bytes, size_t size), const void *data);
// Unmaps the area. 0 or -errno.
int huge_filling_close(struct restarting *w, struct huge_filling *h);
