// SPDX-License-Identifier: EPL-2.0
// How much memory templates hold for themselves.
#include "session/measuring.h"

#include "base/clock.h"
#include "session/supervisor.h"

enum { MOST_MS = 30, SOON_MS = 1000 };

static void measure(struct session *s, struct snapshot_entry *entry) {
  entry->memory = s->kind->memory(s, entry);
  entry->is_measured = true;
}

// Each takes its time; where there are many, others have their turn the next time.
uint64_t session_measure(struct session *s) {
  uint64_t sum = 0, end = now_ms() + MOST_MS;
  for (unsigned i = 0; i < s->count && (i == 0 || now_ms() < end); i++)
    measure(s, s->entries[s->measured++ % s->count]);
  for (unsigned i = 0; i < s->count; i++)
    sum += s->entries[i]->memory;
  return sum;
}

static void measure_next(void *data) {
  struct session *s = data;
  s->measures_soon = false;
  for (unsigned i = s->count; clients_listen(s) && i-- > 0;) {
    struct snapshot_entry *entry = s->entries[i];
    if (entry->is_measured)
      continue;
    measure(s, entry);
    session_updated(s, entry);
    session_measure_soon(s, entry);  // one at a time
    return;
  }
}

static bool any_is_left(const struct session *s) {
  for (unsigned i = 0; i < s->count; i++)
    if (!s->entries[i]->is_measured)
      return true;
  return false;
}

void session_measure_soon(struct session *s, struct snapshot_entry *entry) {
  struct snapshot_entry *before = session_find(s, entry->parent);
  if (!entry->is_measured && before)
    before->is_measured = false;
  if (!s->measures_soon && any_is_left(s) && clients_listen(s))
    s->measures_soon = loop_alarm(s->loop, SOON_MS, measure_next, s) != NULL;
}
