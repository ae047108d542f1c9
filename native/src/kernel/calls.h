// SPDX-License-Identifier: EPL-2.0
// System calls that the C library does not wrap. All return -errno.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int kernel_pidfd_open(pid_t pid);
int kernel_pidfd_getfd(int pidfd, int fd);

// 0: both descriptors are one open file; positive: they are not; -errno.
int kernel_same_file(pid_t a, int fd_a, pid_t b, int fd_b);

// 0: descriptor `fd` of process `holder` is the file that the epoll set of process `pid` watches as the `nth` one by
// the number `number`; positive: it is not; -errno.
int kernel_is_watched(pid_t holder, int fd, pid_t pid, int epoll, int number, unsigned nth);

int kernel_robust_list(pid_t tid, uint64_t *ret_head, uint64_t *ret_size);

// The number that the next process or thread of this namespace gets is `last` + 1.
int kernel_set_last_pid(pid_t last);
pid_t kernel_last_pid(void);  // or -errno
// From now on both fail: the namespace is the host's, and its numbers are everybody's.
void kernel_share_numbers(void);
bool kernel_numbers_are_shared(void);

// Whether prctl(PR_SET_MM_MAP) can be had.
bool kernel_sets_memory_fields(void);

// Runs of pages in [start, end) that map the shared zero page: PAGEMAP_SCAN of /proc/PID/pagemap.
struct page_run {
  uint64_t start, end, categories;
};
long kernel_scan_zero_pages(int pagemap, uint64_t start, uint64_t end, struct page_run *runs, size_t count,
                            uint64_t *ret_walked);

// The first page in [start, end) that is there or swapped, and not the shared zero page. 1, 0 or -errno.
int kernel_scan_first_page(int pagemap, uint64_t start, uint64_t end, uint64_t *ret);

// ptrace(PTRACE_GET_RSEQ_CONFIGURATION)
struct rseq_configuration {
  uint64_t pointer;
  uint32_t size, signature, flags, pad;
};
#define KERNEL_PTRACE_GET_RSEQ 0x420f
#define KERNEL_PR_GET_TID_ADDRESS 40
