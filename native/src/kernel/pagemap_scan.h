// SPDX-License-Identifier: EPL-2.0
// The PAGEMAP_SCAN request of linux/fs.h (Linux 6.7 and later); older headers lack it.
#pragma once

#include <stdint.h>
#include <sys/ioctl.h>

#include "kernel/calls.h"

struct pagemap_scan {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN_REQUEST _IOWR('f', 16, struct pagemap_scan)
enum {
  PAGE_IS_WPALLOWED = 1 << 0,
  PAGE_IS_PRESENT = 1 << 3,
  PAGE_IS_SWAPPED = 1 << 4,
  PAGE_IS_PFNZERO = 1 << 5,
  PAGEMAP_SCAN_PAGE = 4096
};
