// SPDX-License-Identifier: EPL-2.0
// What gdb tells and asks, a line each: the table of its calls.
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "session/debugger_state.h"

static int call_hello(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  (void)call, (void)answer, (void)e;
  d->greeted = true;
  return 0;
}

static int call_state(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  (void)answer, (void)e;
  static const struct {
    const char *word;
    enum session_state state;
  } states[] = {
      {"running", SESSION_RUNNING}, {"stopped", SESSION_STOPPED}, {"exited", SESSION_EXITED}, {"idle", SESSION_IDLE}};
  for (size_t i = 0; i < sizeof states / sizeof *states; i++)
    if (strcmp(field(call, 1), states[i].word) == 0)
      d->state = states[i].state;
  d->inferior = (pid_t)field_number(call, 2);
  session_state_changed(d->session);
  return 0;
}

static void add_row(struct debugger *d, struct line *l, struct snapshot_entry *entry) {
  line_add_number(l, entry->id);
  line_add_number(l, entry->id == session_current(d->session));
  line_add_number(l, entry->automatic);
  line_add_number(l, entry->with_debugger);
  line_add_number(l, entry->taken_ms);
  line_add_number(l, entry->threads);
  line_add_number(l, entry->memory);
  line_add(l, entry->name);
  line_add(l, entry->place.function);
  line_add(l, entry->place.file);
  line_add_number(l, entry->place.line);
  line_add(l, entry->place.reason);
  line_add(l, entry->image);
  line_add_number(l, entry->saved_bytes);
  line_add_number(l, entry->saving);
}

static int call_list(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  (void)call, (void)e;
  line_add(answer, "snapshots");
  for (unsigned i = 0; i < session_count(d->session); i++)
    add_row(d, answer, session_snapshot(d->session, i));
  return 0;
}

static int no_such(const char *which, struct error *e) {
  return error_set(e, ERROR_NO_SUCH_SNAPSHOT, "there is no snapshot \"%s\": \"info snapshots\" lists them", which);
}

struct snapshot_entry *debugger_find(struct debugger *d, const char *which) {
  char *end;
  unsigned long long id = strtoull(which, &end, 10);
  struct snapshot_entry *entry = *which && !*end ? session_find(d->session, id) : NULL;
  return entry ? entry : session_find_name(d->session, which);
}

enum { SAVE_WHICH = 1, SAVE_PATH, SAVE_FILES, SAVE_FULL, SAVE_WITH_DEBUGGER };

static int call_save(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  unsigned count = session_count(d->session);
  const char *which = field(call, SAVE_WHICH);
  const struct snapshot_entry *entry = *which ? debugger_find(d, which) : session_snapshot(d->session, count - 1);
  if (!entry && !*which)
    return error_set(e, ERROR_NO_SUCH_SNAPSHOT, "there is no snapshot yet: \"snapshot\" takes one");
  if (!entry)
    return no_such(which, e);
  struct save_order order = {.path = must_strdup(field(call, SAVE_PATH)),
                             .keep_files = field_number(call, SAVE_FILES),
                             .full = field_number(call, SAVE_FULL),
                             .with_debugger = field_number(call, SAVE_WITH_DEBUGGER),
                             .by_debugger = true};
  uint64_t id = entry->id;
  int r = save_order_check(&order, e);
  if (r == 0 && !savings_add(d->session, id, &order, NULL, 0))
    r = error_set(e, ERROR_BUSY, "too many snapshots wait to be saved: try again when some are done");
  save_order_done(&order);
  line_add(answer, "saving");
  line_add_number(answer, id);
  return r;
}

// "1 2 end": each word a number or a name, unless all of it is one name. All are looked up before any goes.
static int delete_words(struct debugger *d, const char *words, struct error *e) {
  _cleanup_free_ char *text = must_strdup(words);
  _cleanup_free_ uint64_t *ids = must_alloc((strlen(words) + 1) * sizeof *ids);
  size_t count = 0;
  for (char *rest = NULL, *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
    const struct snapshot_entry *entry = debugger_find(d, word);
    if (!entry)
      return no_such(word, e);
    ids[count++] = entry->id;
  }
  for (size_t i = 0; i < count; i++)
    (void)session_delete(d->session, ids[i], NULL);
  return 0;
}

static int call_delete(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  const char *which = field(call, 1);
  const struct snapshot_entry *whole = *which ? debugger_find(d, which) : NULL;
  line_add(answer, "deleted");
  if (whole)
    return session_delete(d->session, whole->id, e);
  if (*which)
    return delete_words(d, which, e);
  while (session_count(d->session))
    if (session_delete(d->session, session_snapshot(d->session, 0)->id, e) < 0)
      return -1;
  return 0;
}

static int call_auto(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  struct auto_settings settings = session_auto(d->session);
  if (call->count > 1)
    settings.enabled = strcmp(field(call, 1), "on") == 0;
  if (call->count > 2)
    settings.cap = (unsigned)field_number(call, 2);
  if (settings.cap < 1 || settings.cap > AUTO_CAP_MAX)
    return error_set(e, ERROR_BAD_REQUEST, "at least 1 and at most %d snapshots can be kept", AUTO_CAP_MAX);
  if (call->count > 1)
    session_set_auto(d->session, settings);
  line_add(answer, "auto");
  line_add_number(answer, settings.enabled);
  line_add_number(answer, settings.cap);
  return 0;
}

static const struct {
  const char *name;
  call_function *function;
  bool answered;
} calls[] = {
    {"hello", call_hello, false},   {"state", call_state, false},      {"take", call_take, true},
    {"rewind", call_rewind, true},  {"attached", call_attached, true}, {"stopped", call_stopped, true},
    {"failed", call_failed, false}, {"list", call_list, true},         {"delete", call_delete, true},
    {"auto", call_auto, true},      {"killed", call_killed, true},     {"save", call_save, true},
};

static void answer_with(struct debugger *d, struct line *answer, int result, const struct error *e) {
  if (result < 0) {
    line_done(answer);
    line_add(answer, "error");
    line_add(answer, e->text);
  }
  (void)channel_send(&d->call, answer);
}

void debugger_hear(struct debugger *d, const struct fields *call) {
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    if (strcmp(field(call, 0), calls[i].name) != 0)
      continue;
    struct line answer = {0};
    struct error e = {0};
    int r = calls[i].function(d, call, &answer, &e);
    if (calls[i].answered)
      answer_with(d, &answer, r, &e);
    return;
  }
}
