// SPDX-License-Identifier: EPL-2.0
// userfaultfd(2) as a marker of mappings, and as a way to fill them.
#include "kernel/userfault.h"

#include <errno.h>
#include <linux/userfaultfd.h>

#include "kernel/pagemap_scan.h"

// Of Linux 5.19, 6.7 and 6.8; older headers lack them.
#define FEATURE_WP_UNPOPULATED (1ULL << 13)
#define FEATURE_WP_ASYNC (1ULL << 15)
#define FEATURE_MOVE (1ULL << 16)

int userfault_set_up(int fd) {
  struct uffdio_api api = {.api = UFFD_API,
                           .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | FEATURE_WP_UNPOPULATED | FEATURE_WP_ASYNC};
  return ioctl(fd, UFFDIO_API, &api) < 0 ? -errno : 0;
}

int userfault_register(int fd, uint64_t start, uint64_t end) {
  struct uffdio_register request = {.range = {start, end - start}, .mode = UFFDIO_REGISTER_MODE_WP};
  return ioctl(fd, UFFDIO_REGISTER, &request) < 0 ? -errno : 0;
}

int userfault_is_registered(int pagemap, uint64_t start) {
  struct page_run run;
  struct pagemap_scan scan = {
      .size = sizeof scan,
      .start = start,
      .end = start + PAGEMAP_SCAN_PAGE,
      .vec = (uint64_t)(uintptr_t)&run,
      .vec_len = 1,
      .category_mask = PAGE_IS_WPALLOWED,
      .return_mask = PAGE_IS_WPALLOWED,
  };
  int r = ioctl(pagemap, PAGEMAP_SCAN_REQUEST, &scan);
  return r < 0 ? -errno : r > 0;
}

int userfault_set_up_filling(int fd, bool *ret_can_move) {
  struct uffdio_api api = {.api = UFFD_API};
  int r = ioctl(fd, UFFDIO_API, &api) < 0 ? -errno : 0;
  *ret_can_move = r == 0 && (api.features & FEATURE_MOVE);
  return r;
}

int userfault_register_missing(int fd, uint64_t start, uint64_t end) {
  struct uffdio_register request = {.range = {start, end - start}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  return ioctl(fd, UFFDIO_REGISTER, &request) < 0 ? -errno : 0;
}

int userfault_fill(int fd, uint64_t at, const void *bytes, uint64_t size) {
  struct uffdio_copy copy = {
      .dst = at, .src = (uint64_t)(uintptr_t)bytes, .len = size, .mode = UFFDIO_COPY_MODE_DONTWAKE};
  return ioctl(fd, UFFDIO_COPY, &copy) < 0 ? -errno : copy.copy == (int64_t)size ? 0 : -EIO;
}
