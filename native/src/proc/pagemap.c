// SPDX-License-Identifier: EPL-2.0
// /proc/PID/pagemap.
#include "proc/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "kernel/calls.h"

enum { PAGE = 4096, RUNS = 1024 };

int pagemap_open(pid_t pid) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int pagemap_read(int pagemap, uint64_t start, uint64_t end, uint64_t *words) {
  size_t pages = (size_t)((end - start) / PAGE);
  return fd_pread_all(pagemap, words, pages * sizeof *words, (off_t)(start / PAGE * sizeof *words));
}

int pagemap_mark_zero_pages(int pagemap, uint64_t start, uint64_t end, uint64_t *words) {
  static struct page_run runs[RUNS];
  for (uint64_t at = start; at < end;) {
    uint64_t walked;
    long n = kernel_scan_zero_pages(pagemap, at, end, runs, RUNS, &walked);
    if (n < 0)
      return (int)n;
    for (long i = 0; i < n; i++)
      for (uint64_t page = runs[i].start; page < runs[i].end; page += PAGE)
        words[(page - start) / PAGE] |= PAGE_EXCLUSIVE;
    if (walked <= at)
      break;
    at = walked;
  }
  return 0;
}

// A kernel without PAGEMAP_SCAN: word by word, and pages that are zero count.
static int first_of_words(int pagemap, uint64_t start, uint64_t end, uint64_t *ret) {
  enum { WORDS = 1024 };
  uint64_t words[WORDS];
  for (uint64_t at = start, to; at < end; at = to) {
    to = end - at > WORDS * PAGE ? at + WORDS * PAGE : end;
    int r = pagemap_read(pagemap, at, to, words);
    for (uint64_t i = 0; r == 0 && i < (to - at) / PAGE; i++)
      if (page_exists(words[i])) {
        *ret = at + i * PAGE;
        return 1;
      }
    if (r < 0)
      return r;
  }
  return 0;
}

int pagemap_first(int pagemap, uint64_t start, uint64_t end, uint64_t *ret) {
  int r = kernel_scan_first_page(pagemap, start, end, ret);
  return r == -ENOTTY || r == -EINVAL ? first_of_words(pagemap, start, end, ret) : r;
}
