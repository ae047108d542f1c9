// SPDX-License-Identifier: EPL-2.0
// The parsers of /proc/PID/status, whose name always ends, and of /proc/PID/stat.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fuzz.h"
#include "proc/memory_fields.h"
#include "proc/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = must_alloc(size + 1);
  memcpy(text, data, size);
  struct process_status s;
  if (status_parse(text, &s) == 0 && !memchr(s.name, 0, sizeof s.name))
    abort();
  struct memory_fields fields;
  (void)memory_fields_parse(text, &fields);
  free(text);
  return 0;
}
