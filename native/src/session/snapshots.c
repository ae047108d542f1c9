// SPDX-License-Identifier: EPL-2.0
// The session's list of snapshots: ids, lineage, the current one, and the news about them.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "session/measuring.h"
#include "session/messages.h"
#include "session/supervisor.h"
#include "session/text.h"

enum { SNAPSHOTS_MAX = 2000 };  // what a list in one message has room for

void place_done(struct place *p) {
  free(p->function);
  free(p->file);
  free(p->reason);
  *p = (struct place){0};
}

struct snapshot_entry *snapshot_entry_new(const char *name) {
  struct snapshot_entry *entry = must_alloc(sizeof *entry);
  entry->name = must_strdup(name ? name : "");
  return entry;
}

void snapshot_entry_free(struct snapshot_entry *entry) {
  if (!entry)
    return;
  place_done(&entry->place);
  free(entry->name);
  free(entry->image);
  free(entry);
}

static void clean(struct snapshot_entry *entry) {
  (void)text_clean(entry->name);
  (void)text_clean(entry->place.function);
  (void)text_clean(entry->place.file);
  (void)text_clean(entry->place.reason);
}

static unsigned index_of(const struct session *s, uint64_t id) {
  unsigned i = 0;
  while (i < s->count && s->entries[i]->id != id)
    i++;
  return i;
}

// What descended from a deleted snapshot descends from that one's parent.
static void remove_at(struct session *s, unsigned index) {
  struct snapshot_entry *entry = s->entries[index];
  savings_forget_snapshot(s, entry->id);
  memmove(s->entries + index, s->entries + index + 1, (s->count - index - 1) * sizeof *s->entries);
  s->count--;
  for (unsigned i = 0; i < s->count; i++)
    if (s->entries[i]->parent == entry->id)
      s->entries[i]->parent = entry->parent;
  if (s->current == entry->id)
    s->current = entry->parent;
  s->kind->drop(s, entry);
  uint64_t id = entry->id;
  snapshot_entry_free(entry);
  tell_deleted(s, &id, 1);
}

static bool is_passing(const struct snapshot_entry *entry) {
  return entry->automatic && !entry->name[0] && !entry->saving;
}

// The oldest unnamed automatic snapshots beyond the cap go.
static void trim_automatic(struct session *s) {
  unsigned automatic = 0;
  for (unsigned i = 0; i < s->count; i++)
    automatic += is_passing(s->entries[i]);
  for (unsigned i = 0; i < s->count && automatic > s->autos.cap;) {
    if (is_passing(s->entries[i])) {
      remove_at(s, i);
      automatic--;
    } else {
      i++;
    }
  }
}

int session_check_room(const struct session *s, struct error *e) {
  if (s->count < SNAPSHOTS_MAX)
    return 0;
  return error_set(e, ERROR_NO_MEMORY, "the session holds %d snapshots already; delete some first", SNAPSHOTS_MAX);
}

void session_add(struct session *s, struct snapshot_entry *entry) {
  clean(entry);
  entry->id = ++s->last_id;
  entry->parent = s->current;
  entry->taken_ms = now_utc_ms();
  array_reserve(s->entries, s->count, s->capacity);
  s->entries[s->count++] = entry;
  s->current = entry->id;
  tell_taken(s, entry);
  session_measure_soon(s, entry);
  if (entry->automatic)
    trim_automatic(s);
}

unsigned session_count(struct session *s) { return s->count; }

struct snapshot_entry *session_snapshot(struct session *s, unsigned index) {
  return index < s->count ? s->entries[index] : NULL;
}

struct snapshot_entry *session_find(struct session *s, uint64_t id) {
  return session_snapshot(s, index_of(s, id));
}

struct snapshot_entry *session_find_name(struct session *s, const char *name) {
  for (unsigned i = s->count; i-- > 0;)
    if (strcmp(s->entries[i]->name, name) == 0)
      return s->entries[i];
  return NULL;
}

uint64_t session_current(struct session *s) { return s->current; }

static struct snapshot_entry *must_find(struct session *s, uint64_t id, struct error *e) {
  struct snapshot_entry *entry = session_find(s, id);
  if (!entry)
    (void)error_set(e, ERROR_NO_SUCH_SNAPSHOT, "there is no snapshot %llu", (unsigned long long)id);
  return entry;
}

int session_delete(struct session *s, uint64_t id, struct error *e) {
  if (!must_find(s, id, e))
    return -1;
  remove_at(s, index_of(s, id));
  return 0;
}

int session_rename(struct session *s, uint64_t id, const char *name, struct error *e) {
  struct snapshot_entry *entry = must_find(s, id, e);
  if (!entry)
    return -1;
  free(entry->name);
  entry->name = text_clean(must_strdup(name));
  tell_renamed(s, entry);
  return 0;
}

void session_rewound(struct session *s, uint64_t id, const struct rewind_report *report) {
  s->current = id;
  tell_rewound(s, id, report);
  session_state_changed(s);
}

void session_updated(struct session *s, struct snapshot_entry *entry) {
  clean(entry);
  tell_updated(s, entry);
}

struct auto_settings session_auto(struct session *s) {
  return s->autos;
}

void session_set_auto(struct session *s, struct auto_settings settings) {
  s->autos = settings;
  trim_automatic(s);
  tell_auto(s);
}
