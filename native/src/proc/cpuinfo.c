// SPDX-License-Identifier: EPL-2.0
// /proc/cpuinfo.
#include "proc/cpuinfo.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

enum { CPUINFO_MAX = 64 * 1024 * 1024 };  // one paragraph for each of thousands of processors

char *cpu_features(void) {
  _cleanup_free_ char *text = NULL;
  if (file_read("/proc/cpuinfo", CPUINFO_MAX, &text, NULL) < 0)
    return NULL;
  const char *line = strstr(text, "\nflags"), *words = line ? strchr(line + 1, ':') : NULL;
  return words ? must_format("%.*s", (int)strcspn(words + 1, "\n"), words + 1) : NULL;
}
