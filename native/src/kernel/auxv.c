// SPDX-License-Identifier: EPL-2.0
// /proc/PID/auxv.
#include "kernel/auxv.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

uint64_t auxv_value(pid_t pid, uint64_t type) {
  enum { MOST = 65536, PAIR = 16 };
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/auxv", pid);
  _cleanup_free_ char *text = NULL;
  size_t size = 0;
  if (file_read(path, MOST, &text, &size) < 0)
    return 0;
  for (size_t at = 0; at + PAIR <= size; at += PAIR) {
    uint64_t pair[2];
    memcpy(pair, text + at, sizeof pair);
    if (pair[0] == type)
      return pair[1];
  }
  return 0;
}
