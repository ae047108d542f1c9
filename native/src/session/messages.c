// SPDX-License-Identifier: EPL-2.0
// The session's facts as protocol messages.
#include "session/messages.h"

#include <sys/wait.h>

#include "session/clients.h"
#include "session/supervisor.h"
#include "session/text.h"

static char *text_of(char *text) { return text ? text : (char *)protobuf_c_empty_string; }

void message_of_snapshot(const struct snapshot_entry *entry, struct snapshot_message *ret) {
  ret->place = (Snapback__Control__Place)SNAPBACK__CONTROL__PLACE__INIT;
  ret->place.function = text_of(entry->place.function);
  ret->place.file = text_of(entry->place.file);
  ret->place.reason = text_of(entry->place.reason);
  ret->place.line = entry->place.line;
  ret->place.pc = entry->place.pc;
  Snapback__Control__Snapshot *m = &ret->snapshot;
  *m = (Snapback__Control__Snapshot)SNAPBACK__CONTROL__SNAPSHOT__INIT;
  m->id = entry->id;
  m->name = text_of(entry->name);
  m->taken_ms = entry->taken_ms;
  m->parent = entry->parent;
  m->place = &ret->place;
  m->threads = entry->threads;
  m->memory_bytes = entry->memory;
  m->automatic = entry->automatic;
  m->with_debugger = entry->with_debugger;
  m->pause_us = entry->pause_us;
  m->pid = (int32_t *)entry->pids;
  m->n_pid = entry->pid_count;
  m->image = text_of(entry->image);
  m->saved_bytes = entry->saved_bytes;
  m->saved_ms = entry->saved_ms;
  m->saving = entry->saving;
}

void message_of_rewind(uint64_t snapshot, const struct rewind_report *report, struct rewind_message *ret) {
  Snapback__Control__RewindReport *m = &ret->report;
  *m = (Snapback__Control__RewindReport)SNAPBACK__CONTROL__REWIND_REPORT__INIT;
  m->snapshot = snapshot;
  m->duration_us = report->duration_us;
  m->pages_copied = report->pages_copied;
  m->pages_dropped = report->pages_dropped;
  m->threads_made = report->threads_made;
  m->threads_ended = report->threads_ended;
  m->mappings_changed = report->mappings_changed;
  m->descriptors_changed = report->descriptors_changed;
  m->rebuilt = report->rebuilt;
  ret->notes[0] = text_tame(text_clean((char *)report->note));  // it may name files
  m->note = ret->notes;
  m->n_note = report->note[0] ? 1 : 0;
}

void message_of_auto(struct auto_settings settings, Snapback__Control__AutoSettings *ret) {
  *ret = (Snapback__Control__AutoSettings)SNAPBACK__CONTROL__AUTO_SETTINGS__INIT;
  ret->enabled = settings.enabled;
  ret->cap = settings.cap;
}

#define EVENT(kind)                                                \
  Snapback__Control__Event event = SNAPBACK__CONTROL__EVENT__INIT; \
  event.what_case = SNAPBACK__CONTROL__EVENT__WHAT_##kind

void tell_taken(struct session *s, const struct snapshot_entry *entry) {
  EVENT(TAKEN);
  struct snapshot_message m;
  message_of_snapshot(entry, &m);
  event.taken = &m.snapshot;
  clients_tell(s, &event);
}

void tell_renamed(struct session *s, const struct snapshot_entry *entry) {
  EVENT(RENAMED);
  struct snapshot_message m;
  message_of_snapshot(entry, &m);
  event.renamed = &m.snapshot;
  clients_tell(s, &event);
}

void tell_updated(struct session *s, const struct snapshot_entry *entry) {
  EVENT(UPDATED);
  struct snapshot_message m;
  message_of_snapshot(entry, &m);
  event.updated = &m.snapshot;
  clients_tell(s, &event);
}

void tell_deleted(struct session *s, uint64_t *ids, size_t count) {
  EVENT(DELETED);
  Snapback__Control__DeleteReport m = SNAPBACK__CONTROL__DELETE_REPORT__INIT;
  m.snapshot = ids;
  m.n_snapshot = count;
  event.deleted = &m;
  clients_tell(s, &event);
}

void tell_rewound(struct session *s, uint64_t snapshot, const struct rewind_report *report) {
  EVENT(REWOUND);
  struct rewind_message m;
  message_of_rewind(snapshot, report, &m);
  event.rewound = &m.report;
  clients_tell(s, &event);
}

void tell_state(struct session *s, const struct session_facts *facts) {
  EVENT(STATE);
  Snapback__Control__StateChanged m = SNAPBACK__CONTROL__STATE_CHANGED__INIT;
  m.state = (Snapback__Control__SessionState)facts->state;
  m.current_snapshot = s->current;
  m.program_pid = facts->program;
  event.state = &m;
  clients_tell(s, &event);
}

void tell_auto(struct session *s) {
  EVENT(AUTO);
  Snapback__Control__AutoSettings m;
  message_of_auto(s->autos, &m);
  event.auto_ = &m;
  clients_tell(s, &event);
}

void tell_progress(struct session *s, Snapback__Control__SaveProgress *progress) {
  EVENT(PROGRESS);
  event.progress = progress;
  clients_tell(s, &event);
}

void tell_ended(struct session *s, int status) {
  EVENT(ENDED);
  Snapback__Control__Ended m = SNAPBACK__CONTROL__ENDED__INIT;
  m.exit_status = WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
  m.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  event.ended = &m;
  clients_tell(s, &event);
}
