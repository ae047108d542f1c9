// SPDX-License-Identifier: EPL-2.0
// /proc/PID/smaps: how a mapping was made and what has been advised for it, which /proc/PID/maps does not tell.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAP_ADVICE_MAX = 8 };

struct map_flags {
  uint64_t start, end;
  int flags;                   // MAP_…
  int advice[MAP_ADVICE_MAX];  // MADV_…
  size_t advices;
  bool may_write;        // by mprotect(2)
  bool locked_on_fault;  // with MAP_LOCKED: only pages that are there
};

// One entry a mapping, in order of address. The caller frees the array. 0 or -errno.
int map_flags_parse(char *text, struct map_flags **ret, size_t *ret_count);
int map_flags_read(pid_t pid, struct map_flags **ret, size_t *ret_count);
const struct map_flags *map_flags_at(const struct map_flags *list, size_t count, uint64_t address);  // NULL: none
