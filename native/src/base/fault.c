// SPDX-License-Identifier: EPL-2.0
// Fault points.
#include "base/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_NAME(name) #name,
static const char *const names[] = {FAULT_POINTS(FAULT_NAME)};
#undef FAULT_NAME

const char *fault_name(enum fault_point point) { return names[point]; }

#ifdef SNAPBACK_FAULTS
int fault(enum fault_point point) {
  static int passages;
  const char *wanted = getenv("SNAPBACK_FAULT");
  size_t n = strlen(names[point]);
  if (!wanted || strncmp(wanted, names[point], n) != 0 || (wanted[n] && wanted[n] != ':'))
    return 0;
  int count = wanted[n] ? atoi(wanted + n + 1) : 1;
  return ++passages == count ? -EIO : 0;
}
#endif
