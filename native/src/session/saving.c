// SPDX-License-Identifier: EPL-2.0
// Saves of a session: the queue, and the one that is being written.
#include "session/saving.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "engine/save.h"
#include "session/images.h"
#include "session/link.h"
#include "session/messages.h"
#include "session/supervisor.h"
#include "session/text.h"

enum { FINISH_MS = 300000 };

struct saving {
  struct saving *next;
  struct session *session;
  uint64_t snapshot;
  struct save_order order;
  struct client *client;  // who waits for the answer; NULL: nobody
  uint64_t request;
  // while it is written
  char *path;
  struct save *save;
  struct watch *watch;
  uint64_t since_us;
  uint64_t done, total;
};

void save_order_done(struct save_order *o) { free(o->path); }

int save_order_check(const struct save_order *o, struct error *e) {
  if (o->path[0] && o->path[0] != '/')
    return error_set(e, ERROR_BAD_REQUEST, "the path of an image must begin at the root, and '%.300s' does not",
                     o->path);
  if (strlen(o->path) >= SAVE_PATH_MAX - 1)
    return error_set(e, ERROR_BAD_REQUEST, "the path of the image is too long; choose a shorter one");
  return 0;
}

bool savings_idle(const struct session *s) { return !s->savings.active && !s->savings.waiting; }

static void begin_next(struct session *s);

static void saving_free(struct saving *v) {
  watch_free(v->watch);
  save_end(v->save);
  free(v->path);
  save_order_done(&v->order);
  v->session->savings.count--;
  free(v);
}

// ---- the end of one ----

static void tell(const struct saving *v, Snapback__Control__SaveReport *finished, const struct error *failed) {
  Snapback__Control__SaveProgress progress = SNAPBACK__CONTROL__SAVE_PROGRESS__INIT;
  Snapback__Control__Error error = SNAPBACK__CONTROL__ERROR__INIT;
  progress.snapshot = v->snapshot;
  progress.path = v->path ? text_clean(v->path) : v->order.path;
  progress.done_bytes = v->done;
  progress.total_bytes = v->total;
  progress.finished = finished;
  if (failed) {
    error.code = (Snapback__Control__ErrorCode)failed->code;
    error.text = (char *)failed->text;
    progress.failed = &error;
  }
  tell_progress(v->session, &progress);
}

static void tell_debugger(const struct saving *v, const char *how, const char *what) {
  _cleanup_free_ char *text = must_format("Snapshot %llu %s: %s.", (unsigned long long)v->snapshot, how, what);
  if (v->order.by_debugger)
    v->session->kind->say(v->session, text);
}

static void drop_live_one(struct saving *v) {
  if (v->order.periodic && session_find(v->session, v->snapshot))
    (void)session_delete(v->session, v->snapshot, NULL);
}

// `v` is in no list any more.
static void fail(struct saving *v, struct error *e) {
  struct session *s = v->session;
  struct snapshot_entry *entry = session_find(s, v->snapshot);
  (void)text_clean(e->text);
  if (entry && entry->saving) {
    entry->saving = false;
    session_updated(s, entry);
  }
  tell(v, NULL, e);
  if (v->client)
    client_reply_error(v->client, v->request, e->code, e->text);
  if (v->order.periodic)
    images_refused(s, e);
  tell_debugger(v, "was not saved", e->text);
  drop_live_one(v);
  saving_free(v);
}

static void note_in_entry(const struct saving *v, const struct save_result *result) {
  struct snapshot_entry *entry = session_find(v->session, v->snapshot);
  if (!entry)
    return;
  free(entry->image);
  entry->image = must_strdup(v->path);
  entry->saved_bytes = result->bytes;
  entry->saved_ms = now_utc_ms();
  entry->saving = false;
  session_updated(v->session, entry);
}

static void answer(const struct saving *v, Snapback__Control__SaveReport *report) {
  Snapback__Control__Reply reply = SNAPBACK__CONTROL__REPLY__INIT;
  reply.id = v->request;
  reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_SAVED;
  reply.saved = report;
  if (v->client)
    client_reply(v->client, &reply);
}

static void exit_if_wanted(struct session *s, const char *path) {
  if (!session_options(s)->images.exit_after_save || s->over)
    return;
  struct link_report message = {.what = LINK_SAYS};
  (void)error_set(&message.error, ERROR_NONE, "saved to %s; the program ends here (--exit-after-save)", path);
  supervisor_report(s, &message);
  (void)kill(s->first, SIGKILL);
  s->over = true;
  s->status = 0;
}

static void finish(struct saving *v, struct save_result *result) {
  struct session *s = v->session;
  Snapback__Control__SaveReport report = SNAPBACK__CONTROL__SAVE_REPORT__INIT;
  v->done = v->total = result->memory_bytes;
  report.snapshot = v->snapshot;
  report.bytes = result->bytes;
  report.memory_bytes = result->memory_bytes;
  report.duration_us = now_us() - v->since_us;
  report.parent = text_clean(result->parent);
  note_in_entry(v, result);
  images_add(s, v->path, result->parent, v->order.periodic);
  char *path = must_strdup(v->path);
  report.path = text_clean(v->path);
  tell(v, &report, NULL);
  answer(v, &report);
  tell_debugger(v, "is saved", path);
  drop_live_one(v);
  saving_free(v);
  exit_if_wanted(s, path);
  free(path);
}

static void end_active(struct saving *v, struct save_news *news) {
  struct session *s = v->session;
  s->savings.active = NULL;
  if (news->what == SAVE_DONE)
    finish(v, &news->result);
  else
    fail(v, &news->error);
  begin_next(s);
}

static void on_news(void *data, short revents) {
  (void)revents;
  struct saving *v = data;
  struct save_news news;
  if (!save_take_news(v->save, &news))
    return;
  if (news.what == SAVE_PROGRESS) {
    v->done = news.done;
    v->total = news.total;
    tell(v, NULL, NULL);
    return;
  }
  end_active(v, &news);
}

// ---- the beginning of one ----

static void describe_place(const struct snapshot_entry *entry, pid_t thread, Snapback__Image__Place *ret) {
  *ret = (Snapback__Image__Place)SNAPBACK__IMAGE__PLACE__INIT;
  ret->function = entry->place.function ? entry->place.function : ret->function;
  ret->file = entry->place.file ? entry->place.file : ret->file;
  ret->reason = entry->place.reason ? entry->place.reason : ret->reason;
  ret->line = entry->place.line;
  ret->pc = entry->place.pc;
  ret->thread = thread;
}

static int start_writer(struct saving *v, const struct snapshot_entry *entry, struct error *e) {
  struct session *s = v->session;
  struct snapshot *list[SESSION_PROCESSES];
  pid_t thread = 0;
  Snapback__Image__Place place;
  size_t count = s->kind->snapshots(entry, v->order.with_debugger, list, &thread);
  describe_place(entry, thread, &place);
  struct save_options options = {
      .path = v->path,
      .compression = v->order.packed ? IMAGE_ZSTD : IMAGE_PLAIN,
      .keep_files = v->order.keep_files,
      .full = v->order.full,
      .id = entry->id,
      .taken_ms = entry->taken_ms,
      .name = entry->name,
      .session = s->address->name,
      .command = s->command,
      .command_length = s->command_length,
      .place = &place,
      .outside = s->outside,
  };
  s->kind->channels(s, options.channel);
  return engine_save_begin(s->engine, list, count, &options, &v->save, e);
}

static int begin(struct saving *v, struct error *e) {
  struct session *s = v->session;
  struct snapshot_entry *entry = session_find(s, v->snapshot);
  if (!entry)
    return error_set(e, ERROR_NO_SUCH_SNAPSHOT, "snapshot %llu was deleted before it could be saved",
                     (unsigned long long)v->snapshot);
  if (v->order.with_debugger && !entry->with_debugger)
    return error_set(
        e, ERROR_REFUSED,
        "snapshot %llu holds the program alone, not the debugger (which is not kept in automatic snapshots "
        "and in those of a running program): save it without --with-debugger",
        (unsigned long long)v->snapshot);
  if (images_choose_path(s, entry, v->order.path, &v->path, e) < 0 ||
      images_check_unused(s, (const char *const *)&v->path, 1, e) < 0 || start_writer(v, entry, e) < 0)
    return -1;
  v->since_us = now_us();
  v->watch = loop_watch(s->loop, save_descriptor(v->save), POLLIN, on_news, v);
  entry->saving = true;
  session_updated(s, entry);
  tell(v, NULL, NULL);
  return 0;
}

// A save that cannot begin makes room for the next: the loop is here, so that they do not nest.
static void begin_next(struct session *s) {
  struct savings *all = &s->savings;
  while (!all->active && all->waiting) {
    struct saving *v = all->waiting;
    struct error e = {0};
    all->waiting = v->next;
    if (begin(v, &e) < 0)
      fail(v, &e);
    else
      all->active = v;
  }
}

bool savings_add(struct session *s, uint64_t snapshot, struct save_order *order, struct client *client,
                 uint64_t request) {
  if (s->savings.count >= SAVINGS_MAX)
    return false;
  struct saving *v = must_alloc(sizeof *v), **last = &s->savings.waiting;
  *v = (struct saving){.session = s, .snapshot = snapshot, .order = *order, .client = client, .request = request};
  *order = (struct save_order){0};
  s->savings.count++;
  while (*last)
    last = &(*last)->next;
  *last = v;
  begin_next(s);
  return true;
}

// ---- those that are given up ----

// It may be done already: then its image stays.
static void take_last_word(struct saving *v, struct save_news *ret) {
  struct save_news news = {.what = SAVE_PROGRESS};
  while (news.what == SAVE_PROGRESS && save_take_news(v->save, &news))
    continue;
  if (news.what == SAVE_DONE)
    *ret = news;
}

typedef bool (*saving_test)(const struct saving *v, const void *data);

static void give_up(struct session *s, saving_test test, const void *data, const struct error *why) {
  struct savings *all = &s->savings;
  for (struct saving **at = &all->waiting; *at;) {
    struct saving *v = *at;
    if (!test(v, data)) {
      at = &v->next;
      continue;
    }
    struct error e = *why;
    *at = v->next;
    fail(v, &e);
    at = &all->waiting;
  }
  struct saving *active = all->active;
  if (!active || !test(active, data))
    return;
  struct save_news last = {.what = SAVE_FAILED, .error = *why};
  take_last_word(active, &last);
  end_active(active, &last);
}

struct origin {
  const struct client *client;
  uint64_t request;
};

static bool is_of(const struct saving *v, const void *data) {
  const struct origin *o = data;
  return v->client && v->client == o->client && v->request == o->request;
}

void savings_cancel(struct session *s, struct client *c, uint64_t request) {
  struct error why = {0};
  (void)error_set(&why, ERROR_CANCELLED, "saving was cancelled, nothing has been written");
  give_up(s, is_of, &(struct origin){c, request}, &why);
}

static bool is_of_snapshot(const struct saving *v, const void *data) { return v->snapshot == *(const uint64_t *)data; }

// The entry goes: it is not to be dropped once more.
void savings_forget_snapshot(struct session *s, uint64_t snapshot) {
  if (s->savings.active && s->savings.active->snapshot == snapshot)
    s->savings.active->order.periodic = false;
  for (struct saving *v = s->savings.waiting; v; v = v->next)
    if (v->snapshot == snapshot)
      v->order.periodic = false;
  struct error why = {0};
  (void)error_set(&why, ERROR_NO_SUCH_SNAPSHOT,
                  "snapshot %llu was deleted or lost before it was saved, nothing has "
                  "been written",
                  (unsigned long long)snapshot);
  give_up(s, is_of_snapshot, &snapshot, &why);
}

void savings_forget_client(struct session *s, struct client *c) {
  if (s->savings.active && s->savings.active->client == c)
    s->savings.active->client = NULL;
  for (struct saving *v = s->savings.waiting; v; v = v->next)
    if (v->client == c)
      v->client = NULL;
}

static bool is_any(const struct saving *v, const void *data) { return (void)v, (void)data, true; }

void savings_close(struct session *s) {
  struct error why = {0};
  (void)error_set(&why, ERROR_CANCELLED, "the session has ended before the snapshot was saved");
  give_up(s, is_any, NULL, &why);
  images_close(s);
}

// ---- the end of the session ----

static void out_of_time(void *data) { *(bool *)data = true; }

void savings_finish(struct session *s) {
  if (savings_idle(s) || s->ends_at_once)
    return;
  struct link_report message = {.what = LINK_FINISHING};
  const struct saving *v = s->savings.active;
  (void)error_set(&message.error, ERROR_NONE, "%s; snapshot %llu is still being saved to %s",
                  s->options->attach ? "the program is let go soon" : "the program has ended",
                  (unsigned long long)v->snapshot, v->path);
  supervisor_report(s, &message);
  bool over = false;
  struct alarm *alarm = loop_alarm(s->loop, FINISH_MS, out_of_time, &over);
  while (!over && !s->ends_at_once && !savings_idle(s) && loop_round(s->loop) == 0)
    ;
  if (!over)
    alarm_free(alarm);
}
