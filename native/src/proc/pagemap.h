// SPDX-License-Identifier: EPL-2.0
// /proc/PID/pagemap: what is known of each page of a process.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// One word a page, as Documentation/admin-guide/mm/pagemap.rst gives it.
#define PAGE_EXCLUSIVE (1ULL << 56)  // mapped once: nobody shares it
#define PAGE_OF_FILE (1ULL << 61)    // of a file or of shared memory
#define PAGE_SWAPPED (1ULL << 62)
#define PAGE_PRESENT (1ULL << 63)

int pagemap_open(pid_t pid);  // a descriptor, or -errno

// Reads the words of the pages in [start, end) to `words`. 0 or -errno.
int pagemap_read(int pagemap, uint64_t start, uint64_t end, uint64_t *words);

// Marks pages that map the shared zero page as exclusive: nothing of the base snapshot is in them.
// -ENOTTY or -EINVAL where the kernel lacks PAGEMAP_SCAN.
int pagemap_mark_zero_pages(int pagemap, uint64_t start, uint64_t end, uint64_t *words);

// The first page in [start, end) that has memory of its own, as far as the kernel tells. 1, 0: there is none, or
// -errno.
int pagemap_first(int pagemap, uint64_t start, uint64_t end, uint64_t *ret);

static inline bool page_exists(uint64_t word) { return word & (PAGE_PRESENT | PAGE_SWAPPED); }
