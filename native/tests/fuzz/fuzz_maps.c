// SPDX-License-Identifier: EPL-2.0
// The parsers of /proc/PID/maps, whose result is in order, and stays so when a stretch is cut out, and of
// /proc/PID/smaps.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "fuzz.h"
#include "proc/map_flags.h"
#include "proc/maps.h"

static void check(const struct mappings *m) {
  for (size_t i = 0; i < m->count; i++) {
    const struct mapping *at = &m->item[i];
    if (at->start >= at->end || (i && at->start < m->item[i - 1].end) || !at->name)
      abort();
  }
}

static void parse_flags(const uint8_t *data, size_t size) {
  char *text = must_alloc(size + 1);
  memcpy(text, data, size);
  struct map_flags *list;
  size_t count;
  if (map_flags_parse(text, &list, &count) == 0) {
    for (size_t i = 0; i < count; i++)
      if (list[i].advices > MAP_ADVICE_MAX)
        abort();
    (void)map_flags_at(list, count, size);
    free(list);
  }
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  parse_flags(data, size);
  char *text = must_alloc(size + 1);
  memcpy(text, data, size);
  struct mappings m;
  if (mappings_parse(text, &m) != 0)
    return 0;
  check(&m);
  if (m.count) {
    uint64_t start = m.item[0].start + 4096, end = m.item[m.count - 1].end - 4096;
    if (start < end)
      mappings_cut(&m, start, end);
    check(&m);
    (void)mappings_at(&m, start);
  }
  mappings_done(&m);
  return 0;
}
