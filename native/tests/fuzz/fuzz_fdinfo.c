// SPDX-License-Identifier: EPL-2.0
// The parser of /proc/PID/fdinfo/N.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fuzz.h"
#include "proc/fdinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = must_alloc(size + 1);
  memcpy(text, data, size);
  struct fdinfo i;
  if (fdinfo_parse(text, &i) == 0)
    fdinfo_done(&i);
  free(text);
  return 0;
}
