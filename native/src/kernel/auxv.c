// SPDX-License-Identifier: EPL-2.0
// /proc/PID/auxv.
#include "kernel/auxv.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

// The vector of a 32-bit program is one of 32-bit numbers: what looks like a type then has the value in its upper half.
static bool is_narrow(const char *text, size_t size) {
  uint64_t first = 0;
  if (size >= sizeof first)
    memcpy(&first, text, sizeof first);
  return first >> 32;
}

static uint64_t number_at(const char *text, size_t width) {
  uint64_t number = 0;
  memcpy(&number, text, width);
  return number;
}

uint64_t auxv_value(pid_t pid, uint64_t type) {
  enum { MOST = 65536 };
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/auxv", pid);
  _cleanup_free_ char *text = NULL;
  size_t size = 0;
  if (file_read(path, MOST, &text, &size) < 0)
    return 0;
  const size_t width = is_narrow(text, size) ? sizeof(uint32_t) : sizeof(uint64_t);
  for (size_t at = 0; at + 2 * width <= size; at += 2 * width)
    if (number_at(text + at, width) == type)
      return number_at(text + at + width, width);
  return 0;
}
