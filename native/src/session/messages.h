// SPDX-License-Identifier: EPL-2.0
// The session's facts as protocol messages. The messages point into the session's own memory: send them at once.
#pragma once

#include "proto/control.pb-c.h"
#include "session/session.h"

struct snapshot_message {
  Snapback__Control__Snapshot snapshot;
  Snapback__Control__Place place;
};
void message_of_snapshot(const struct snapshot_entry *entry, struct snapshot_message *ret);

struct rewind_message {
  Snapback__Control__RewindReport report;
  char *notes[1];
};
void message_of_rewind(uint64_t snapshot, const struct rewind_report *report, struct rewind_message *ret);

void message_of_auto(struct auto_settings settings, Snapback__Control__AutoSettings *ret);

// Events, to all subscribers.
void tell_taken(struct session *s, const struct snapshot_entry *entry);
void tell_renamed(struct session *s, const struct snapshot_entry *entry);
void tell_updated(struct session *s, const struct snapshot_entry *entry);
void tell_deleted(struct session *s, uint64_t *ids, size_t count);
void tell_rewound(struct session *s, uint64_t snapshot, const struct rewind_report *report);
void tell_state(struct session *s, const struct session_facts *facts);
void tell_auto(struct session *s);
void tell_progress(struct session *s, Snapback__Control__SaveProgress *progress);
void tell_ended(struct session *s, int status);
