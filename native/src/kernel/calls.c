// SPDX-License-Identifier: EPL-2.0
// System calls that the C library does not wrap.
#include "kernel/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "kernel/pagemap_scan.h"

static long result(long r) { return r < 0 ? -errno : r; }

int kernel_pidfd_open(pid_t pid) { return (int)result(syscall(SYS_pidfd_open, pid, 0)); }

int kernel_pidfd_getfd(int pidfd, int fd) { return (int)result(syscall(SYS_pidfd_getfd, pidfd, fd, 0)); }

int kernel_same_file(pid_t a, int fd_a, pid_t b, int fd_b) {
  return (int)result(syscall(SYS_kcmp, a, b, KCMP_FILE, fd_a, fd_b));
}

int kernel_is_watched(pid_t holder, int fd, pid_t pid, int epoll, int number, unsigned nth) {
  struct kcmp_epoll_slot slot = {.efd = (unsigned)epoll, .tfd = (unsigned)number, .toff = nth};
  long r = syscall(SYS_kcmp, holder, pid, KCMP_EPOLL_TFD, fd, &slot);
  return r < 0 ? -errno : (int)r;
}

int kernel_robust_list(pid_t tid, uint64_t *ret_head, uint64_t *ret_size) {
  void *head = NULL;
  size_t size = 0;
  long r = result(syscall(SYS_get_robust_list, tid, &head, &size));
  *ret_head = (uint64_t)(uintptr_t)head;
  *ret_size = size;
  return (int)r;
}

static bool numbers_are_shared;

void kernel_share_numbers(void) { numbers_are_shared = true; }
bool kernel_numbers_are_shared(void) { return numbers_are_shared; }

// It stays open: whichever process uses it, its own namespace is meant.
static int last_pid_file(void) {
  static int file = -1;
  if (file < 0)
    file = open("/proc/sys/kernel/ns_last_pid", O_RDWR | O_CLOEXEC);
  return file < 0 ? -errno : file;
}

int kernel_set_last_pid(pid_t last) {
  char text[16];
  int file = numbers_are_shared ? -EPERM : last_pid_file();
  if (file < 0)
    return file;
  const int size = snprintf(text, sizeof text, "%d", last);
  return pwrite(file, text, (size_t)size, 0) == size ? 0 : -errno;
}

pid_t kernel_last_pid(void) {
  char text[16] = "";
  int file = numbers_are_shared ? -EPERM : last_pid_file();
  if (file < 0)
    return file;
  return pread(file, text, sizeof text - 1, 0) < 0 ? -errno : (pid_t)strtol(text, NULL, 10);
}

bool kernel_sets_memory_fields(void) {
  unsigned size = 0;
  return prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0 && size >= sizeof(struct prctl_mm_map);
}

long kernel_scan_zero_pages(int pagemap, uint64_t start, uint64_t end, struct page_run *runs, size_t count,
                            uint64_t *ret_walked) {
  struct pagemap_scan scan = {.size = sizeof scan,
                              .start = start,
                              .end = end,
                              .vec = (uint64_t)(uintptr_t)runs,
                              .vec_len = count,
                              .category_mask = PAGE_IS_PFNZERO,
                              .return_mask = PAGE_IS_PFNZERO};
  long r = result(ioctl(pagemap, PAGEMAP_SCAN_REQUEST, &scan));
  *ret_walked = scan.walk_end;
  return r;
}

int kernel_scan_first_page(int pagemap, uint64_t start, uint64_t end, uint64_t *ret) {
  struct page_run run;
  struct pagemap_scan scan = {.size = sizeof scan,
                              .start = start,
                              .end = end,
                              .vec = (uint64_t)(uintptr_t)&run,
                              .vec_len = 1,
                              .max_pages = 1,
                              .category_inverted = PAGE_IS_PFNZERO,
                              .category_mask = PAGE_IS_PFNZERO,
                              .category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
                              .return_mask = PAGE_IS_PRESENT};
  long r = result(ioctl(pagemap, PAGEMAP_SCAN_REQUEST, &scan));
  if (r > 0)
    *ret = run.start;
  return (int)r;
}
