// SPDX-License-Identifier: EPL-2.0
// Takes, while gdb's main thread waits for the answer of its call.
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/application.h"
#include "proc/status.h"
#include "session/debugger_state.h"
#include "session/text.h"

enum { MEMORY_RESERVE_PERCENT = 10 };

void held_free(struct held *h) {
  if (!h)
    return;
  snapshot_free(h->inferior);
  snapshot_free(h->debugger);
  free(h->numbered);
  free(h);
}

// ---- what gdb debugs ----

size_t inferiors_of(const struct fields *call, unsigned at, struct numbered **ret) {
  size_t count = 0;
  *ret = must_alloc((call->count / 2 + 1) * sizeof **ret);
  for (; at + 1 < call->count; at += 2)
    (*ret)[count++] =
        (struct numbered){.number = (unsigned)field_number(call, at), .pid = (pid_t)field_number(call, at + 1)};
  return count;
}

int debugger_hold(struct debugger *d, const struct numbered *list, size_t count, struct debugged **ret,
                  struct error *e) {
  _cleanup_free_ pid_t *pids = must_alloc((count + 1) * sizeof *pids);
  for (size_t i = 0; i < count; i++)
    pids[i] = list[i].pid;
  return debugged_open(session_engine(d->session), d->pid, pids, count, ret, e);
}

enum {
  TAKE_ORDER = 1,
  TAKE_NAME,
  TAKE_AUTOMATIC,
  TAKE_THREAD,
  TAKE_FUNCTION,
  TAKE_FILE,
  TAKE_LINE,
  TAKE_PC,
  TAKE_REASON,
  TAKE_INFERIORS
};

static uint64_t meminfo(const char *text, const char *key) {
  const char *at = strstr(text, key);
  return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static bool memory_is_short(void) {
  _cleanup_free_ char *text = NULL;
  if (file_read("/proc/meminfo", 65536, &text, NULL) < 0)
    return false;
  return meminfo(text, "MemAvailable:") < meminfo(text, "MemTotal:") * MEMORY_RESERVE_PERCENT / 100;
}

bool debugger_traces(const struct debugger *d, pid_t pid) {
  struct process_status s;
  return pid > 1 && status_read(pid, &s) == 0 && s.tracer == d->pid;
}

// Remote programs, core files and other machines' processes have numbers too.
static int check(struct debugger *d, const struct numbered *list, size_t count, struct error *e) {
  if (!count)
    return error_set(e, ERROR_NO_PROCESS, "the program is not being run: start it first, then take a snapshot");
  for (size_t i = 0; i < count; i++) {
    if (!debugger_traces(d, list[i].pid))
      return error_set(e, ERROR_REFUSED,
                       "the program is not a process that this gdb runs (a remote program or a core file, say), so it "
                       "cannot be captured");
    if (engine_application_allows(session_engine(d->session), list[i].pid, e) < 0)
      return -1;
  }
  return session_check_room(d->session, e);
}

static int capture(struct debugger *d, const struct numbered *list, size_t count, struct snapshot **ret,
                   struct error *e) {
  struct debugged *held;
  if (check(d, list, count, e) < 0 || debugger_hold(d, list, count, &held, e) < 0)
    return -1;
  int r = debugged_stop(held, e);
  if (r == 0) {
    struct error ignored = {0};
    r = debugged_capture(held, ret, e);
    (void)debugged_continue(held, &ignored);
  }
  debugged_close(held);
  return r;
}

// gdb itself, as it waits for our answer: for `rewind --with-debugger`. Without it the snapshot is as good otherwise.
static struct snapshot *capture_debugger(struct debugger *d, const struct fields *call) {
  struct snapshot *snapshot = NULL;
  struct error ignored = {0};
  if (field_number(call, TAKE_AUTOMATIC) || strcmp(field(call, TAKE_REASON), "running") == 0 || memory_is_short())
    return NULL;
  return engine_capture(session_engine(d->session), d->pid, &snapshot, &ignored) < 0 ? NULL : snapshot;
}

// Numbered as gdb does when it begins with them.
static void number(struct held *h) {
  h->inferiors = snapshot_inferiors(h->inferior, NULL, 0);
  h->numbered = must_alloc(h->inferiors * sizeof *h->numbered);
  _cleanup_free_ pid_t *pids = must_alloc(h->inferiors * sizeof *pids);
  (void)snapshot_inferiors(h->inferior, pids, h->inferiors);
  for (size_t i = 0; i < h->inferiors; i++)
    h->numbered[i] = (struct numbered){.number = (unsigned)i + 1, .pid = pids[i]};
}

struct snapshot_entry *held_entry(const char *name, struct snapshot *inferior, pid_t reporter) {
  struct snapshot_facts facts;
  snapshot_facts(inferior, &facts);
  struct snapshot_entry *entry = snapshot_entry_new(name);
  struct held *h = must_alloc(sizeof *h);
  *h = (struct held){.inferior = inferior, .reporter = reporter};
  number(h);
  entry->held = h;
  entry->threads = facts.threads;
  entry->pause_us = facts.pause_us;
  entry->place.pc = facts.pc;
  enum { PIDS = sizeof entry->pids / sizeof entry->pids[0] };
  entry->pid_count = (unsigned)(h->inferiors < PIDS ? h->inferiors : PIDS);
  (void)snapshot_inferiors(inferior, entry->pids, PIDS);
  entry->memory = facts.copied;
  return entry;
}

// `list` is the entry's from now on.
static struct snapshot_entry *entry_of(struct snapshot *snapshot, const struct fields *call, struct numbered *list,
                                       size_t count) {
  struct snapshot_entry *entry = held_entry(field(call, TAKE_NAME), snapshot, (pid_t)field_number(call, TAKE_THREAD));
  struct held *h = entry->held;
  free(h->numbered);
  h->numbered = list;
  h->inferiors = count;
  uint64_t pc = field_number(call, TAKE_PC) ? field_number(call, TAKE_PC) : entry->place.pc;
  entry->automatic = field_number(call, TAKE_AUTOMATIC);
  entry->place = (struct place){
      .function = text_clean(must_strdup(field(call, TAKE_FUNCTION))),
      .file = text_clean(must_strdup(field(call, TAKE_FILE))),
      .reason = text_clean(must_strdup(field(call, TAKE_REASON))),
      .line = (unsigned)field_number(call, TAKE_LINE),
      .pc = pc,
  };
  return entry;
}

static int check_name(const char *name, struct error *e) {
  if (text_is_snapshot_name(name))
    return 0;
  return error_set(e, ERROR_BAD_REQUEST, "a snapshot's name has at most 200 bytes and no control characters");
}

// The program runs, and gdb has yet to look at something that it did, or the program has disabled snapshots: an order
// comes again, a user tries again.
static bool put_off(struct debugger *d, const struct request *request, const struct error *e, struct line *answer) {
  if (!request || e->code != ERROR_BUSY)
    return false;
  order_again(d, e);
  line_add(answer, "later");
  return true;
}

int call_take(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  struct request *request;
  unsigned order = (unsigned)field_number(call, TAKE_ORDER);
  struct snapshot *snapshot;
  _cleanup_free_ struct numbered *list = NULL;
  bool automatic = field_number(call, TAKE_AUTOMATIC);
  if (order_begin(d, order, &request, e) < 0 || check_name(field(call, TAKE_NAME), e) < 0)
    return -1;
  if (automatic && memory_is_short()) {
    (void)error_set(e, ERROR_NO_MEMORY, "memory is too short for a snapshot that nobody needs: delete snapshots");
    order_failed(d, order, e);
    line_add(answer, "skipped");
    return 0;
  }
  size_t count = inferiors_of(call, TAKE_INFERIORS, &list);
  if (capture(d, list, count, &snapshot, e) < 0) {
    if (put_off(d, request, e, answer))
      return 0;
    order_failed(d, order, e);
    return -1;
  }
  struct snapshot_entry *entry = entry_of(snapshot, call, list, count);
  list = NULL;
  struct held *held = entry->held;
  held->debugger = capture_debugger(d, call);
  entry->with_debugger = held->debugger;
  if (request)
    request_taken(order_take(d, order), entry);
  else
    session_add(d->session, entry);
  line_add(answer, "taken");
  line_add_number(answer, entry->id);
  return 0;
}
