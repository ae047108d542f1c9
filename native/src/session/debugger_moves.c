// SPDX-License-Identifier: EPL-2.0
// Takes and rewinds, while gdb's main thread waits for the answer of its call.
//
// A rewind takes several calls. "rewind" puts the program back and leaves one thread before a jump; gdb steps over the
// jump, has its stop, and says "stopped", upon which all threads get the rest of their state. When the process is gone
// it is built anew first, gdb is told to attach to it, and says "attached".
#include <stdio.h>
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
  free(h);
}

static struct engine *engine_of(struct debugger *d) { return session_engine(d->session); }

// ---- taking ----

enum {
  TAKE_ORDER = 1,
  TAKE_NAME,
  TAKE_AUTOMATIC,
  TAKE_PID,
  TAKE_THREAD,
  TAKE_FUNCTION,
  TAKE_FILE,
  TAKE_LINE,
  TAKE_PC,
  TAKE_REASON
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

// Remote programs, core files and other machines' processes have numbers too.
static int check_traced_by(const struct debugger *d, pid_t pid, struct error *e) {
  struct process_status s;
  if (pid > 1 && status_read(pid, &s) == 0 && s.tracer == d->pid)
    return 0;
  return error_set(
      e, ERROR_REFUSED,
      "the program is not a process that this gdb runs (a remote program or a core file, say), so it cannot "
      "be captured");
}

static bool is_dead(pid_t pid) {
  struct process_status s;
  return status_read(pid, &s) < 0 || s.state == 'Z' || s.state == 'X';
}

static int capture(struct debugger *d, pid_t pid, struct snapshot **ret, struct error *e) {
  struct debugged *held;
  if (session_check_room(d->session, e) < 0 || check_traced_by(d, pid, e) < 0 ||
      engine_application_allows(engine_of(d), pid, e) < 0 || debugged_open(engine_of(d), d->pid, pid, &held, e) < 0)
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
  return engine_capture(engine_of(d), d->pid, &snapshot, &ignored) < 0 ? NULL : snapshot;
}

struct snapshot_entry *held_entry(const char *name, struct snapshot *inferior, pid_t reporter) {
  struct snapshot_facts facts;
  snapshot_facts(inferior, &facts);
  struct snapshot_entry *entry = snapshot_entry_new(name);
  struct held *h = must_alloc(sizeof *h);
  *h = (struct held){.inferior = inferior, .reporter = reporter};
  entry->held = h;
  entry->threads = facts.threads;
  entry->pause_us = facts.pause_us;
  entry->place.pc = facts.pc;
  entry->pids[0] = facts.pid;
  entry->pid_count = 1;
  entry->memory = facts.copied;
  return entry;
}

static struct snapshot_entry *entry_of(struct snapshot *snapshot, const struct fields *call) {
  struct snapshot_entry *entry = held_entry(field(call, TAKE_NAME), snapshot, (pid_t)field_number(call, TAKE_THREAD));
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
  bool automatic = field_number(call, TAKE_AUTOMATIC);
  if (order_begin(d, order, &request, e) < 0 || check_name(field(call, TAKE_NAME), e) < 0)
    return -1;
  if (automatic && memory_is_short()) {
    (void)error_set(e, ERROR_NO_MEMORY, "memory is too short for a snapshot that nobody needs: delete snapshots");
    order_failed(d, order, e);
    line_add(answer, "skipped");
    return 0;
  }
  if (capture(d, (pid_t)field_number(call, TAKE_PID), &snapshot, e) < 0) {
    if (put_off(d, request, e, answer))
      return 0;
    order_failed(d, order, e);
    return -1;
  }
  struct snapshot_entry *entry = entry_of(snapshot, call);
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

// ---- rewinding ----

enum { REWIND_ORDER = 1, REWIND_WHICH, REWIND_WITH_DEBUGGER, REWIND_PID };

void move_end(struct debugger *d) {
  if (d->move.orphaned)
    held_free(d->move.held);
  free(d->move.name);
  d->move = (struct move){0};
}

static void answer_step(struct debugger *d, pid_t thread, unsigned steps, struct line *answer) {
  line_add(answer, "step");
  line_add_number(answer, (uint64_t)thread);
  line_add_number(answer, steps);
  line_add_number(answer, d->move.snapshot);
  line_add(answer, d->move.name);
  line_add(answer, text_tame(text_clean(d->move.report.note)));
}

static pid_t process_of(const struct move *m) {
  struct snapshot_facts facts;
  snapshot_facts(m->held->inferior, &facts);
  return facts.pid;
}

// A rewind that failed half-way leaves a process that cannot go on: gdb ends it, and it is built anew. Once.
static int rescue(struct debugger *d, struct line *answer, struct error *e) {
  if (d->move.rescued)
    return -1;
  d->move.rescued = true;
  (void)snprintf(d->move.report.note, sizeof d->move.report.note,
                 "The process was built anew from its template, because %.400s.", e->text);
  *e = (struct error){0};
  line_add(answer, "kill");
  return 0;
}

static int put_back(struct debugger *d, struct line *answer, struct error *e) {
  struct debugged *held;
  struct move *m = &d->move;
  struct rewind_report report = {0};
  unsigned steps = 1;
  pid_t pid = process_of(m);
  if (check_traced_by(d, pid, e) < 0 || debugged_open(engine_of(d), d->pid, pid, &held, e) < 0)
    return -1;
  int r = debugged_rewind(held, m->held->inferior, m->held->reporter, &report, &steps, e);
  debugged_close(held);
  if (r == -2)
    return rescue(d, answer, e);
  if (r < 0)
    return -1;
  struct rewind_report before = m->report;
  m->report = report;
  m->report.rebuilt = before.rebuilt || report.rebuilt;
  m->report.duration_us += before.duration_us;
  if (before.note[0])
    memcpy(m->report.note, before.note, sizeof m->report.note);
  answer_step(d, m->held->reporter, steps, answer);
  return 0;
}

// gdb goes back to where it waited for the answer to its take, and gets another answer to it now.
static int put_debugger_back(struct debugger *d, struct error *e) {
  struct debugged *held;
  struct move *m = &d->move;
  struct rewind_report debugger = {0}, inferior = {0};
  pid_t pid = process_of(m);
  if (!m->held->debugger)
    return error_set(
        e, ERROR_REFUSED,
        "snapshot %llu holds the program alone, not gdb (gdb is not kept in automatic snapshots and in those of a "
        "running program): rewind without --with-debugger",
        (unsigned long long)m->snapshot);
  if (check_traced_by(d, pid, e) < 0 || engine_rewind(engine_of(d), m->held->debugger, &debugger, e) < 0)
    return -1;
  m->report.duration_us = debugger.duration_us;
  if (debugged_open(engine_of(d), d->pid, pid, &held, e) < 0)
    return -1;
  int r = debugged_rewind_untold(held, m->held->inferior, &inferior, e);
  debugged_close(held);
  m->report.duration_us += inferior.duration_us;
  return r;
}

static int build_anew(struct debugger *d, struct line *answer, struct error *e) {
  struct move *m = &d->move;
  struct rewind_report report = {0};
  if (debugged_rebuild(engine_of(d), m->held->inferior, d->pid, &report, e) < 0)
    return -1;
  m->report.rebuilt = true;
  m->report.duration_us += report.duration_us;
  if (report.note[0])
    memcpy(m->report.note, report.note, sizeof m->report.note);
  line_add(answer, "attach");
  line_add_number(answer, (uint64_t)process_of(&d->move));
  return 0;
}

static struct snapshot_entry *wanted(struct debugger *d, const struct fields *call, struct error *e) {
  const char *which = field(call, REWIND_WHICH);
  unsigned count = session_count(d->session);
  if (!*which && count)
    return session_snapshot(d->session, count - 1);
  if (!*which) {
    (void)error_set(e, ERROR_NO_SUCH_SNAPSHOT, "there is no snapshot yet: \"snapshot\" takes one");
    return NULL;
  }
  struct snapshot_entry *entry = debugger_find(d, which);
  if (!entry)
    (void)error_set(e, ERROR_NO_SUCH_SNAPSHOT, "there is no snapshot \"%s\": \"info snapshots\" lists them", which);
  return entry;
}

static void begin_move(struct debugger *d, const struct snapshot_entry *entry) {
  move_end(d);
  d->move = (struct move){
      .under_way = true,
      .snapshot = entry->id,
      .held = entry->held,
      .name = must_strdup(entry->name),
  };
}

int move_resume(struct debugger *d, const struct snapshot_entry *entry, struct error *e) {
  struct line answer = {0};
  begin_move(d, entry);
  if (put_back(d, &answer, e) < 0)
    return -1;
  int r = channel_send(&d->call, &answer);
  return r < 0 ? error_set_errno(e, r, "cannot answer gdb") : 0;
}

static int give_up(struct debugger *d, struct error *e) {
  order_failed(d, d->move.order, e);
  move_end(d);
  return -1;
}

// Where a process that has ended cannot be built anew, no other one is ended for it.
static int check_number(const struct debugger *d, pid_t pid, struct error *e) {
  if (!session_options(d->session)->on_host || (pid == process_of(&d->move) && !is_dead(pid)))
    return 0;
  return error_set(e, ERROR_REFUSED,
                   "the snapshot is of process %d, which gdb does not debug any more: attach to it if it still runs; "
                   "one that has ended cannot be brought back beside the host's processes (--host-pids)",
                   process_of(&d->move));
}

int call_rewind(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  struct request *request;
  unsigned order = (unsigned)field_number(call, REWIND_ORDER);
  if (order_begin(d, order, &request, e) < 0)
    return -1;
  const struct snapshot_entry *entry = wanted(d, call, e);
  if (!entry) {
    order_failed(d, order, e);
    return -1;
  }
  begin_move(d, entry);
  d->move.order = order;
  pid_t pid = (pid_t)field_number(call, REWIND_PID);
  if (field_number(call, REWIND_WITH_DEBUGGER)) {
    if (pid != process_of(&d->move))
      (void)error_set(e, ERROR_REFUSED,
                      "the program has ended or been started anew since: rewind without --with-debugger first");
    return e->code || put_debugger_back(d, e) < 0 || put_back(d, answer, e) < 0 ? give_up(d, e) : 0;
  }
  if (check_number(d, pid, e) < 0)
    return give_up(d, e);
  // Of a process that was killed from outside gdb learns when it is told to look.
  if (pid && (pid != process_of(&d->move) || is_dead(pid))) {
    line_add(answer, "kill");
    return 0;
  }
  int r = pid ? put_back(d, answer, e) : build_anew(d, answer, e);
  return r < 0 ? give_up(d, e) : 0;
}

static int check_moving(const struct debugger *d, struct error *e) {
  return d->move.under_way ? 0 : error_set(e, ERROR_CANCELLED, "no rewind is under way");
}

int call_killed(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  (void)call;
  if (check_moving(d, e) < 0)
    return -1;
  return build_anew(d, answer, e) < 0 ? give_up(d, e) : 0;
}

int call_attached(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  (void)call;
  if (check_moving(d, e) < 0)
    return -1;
  return put_back(d, answer, e) < 0 ? give_up(d, e) : 0;
}

static int settle(struct debugger *d, unsigned *ret_steps, struct error *e) {
  struct debugged *held;
  if (debugged_open(engine_of(d), d->pid, process_of(&d->move), &held, e) < 0)
    return -1;
  int r = debugged_settle(held, d->move.held->inferior, &d->move.report, ret_steps, e);
  debugged_close(held);
  return r;
}

int call_stopped(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  (void)call;
  unsigned steps;
  if (check_moving(d, e) < 0)
    return -1;
  int r = settle(d, &steps, e);
  if (r < 0)
    return rescue(d, answer, e) < 0 ? give_up(d, e) : 0;
  if (r > 0) {
    answer_step(d, d->move.held->reporter, steps, answer);
    return 0;
  }
  struct request *request = order_take(d, d->move.order);
  struct rewind_report report = d->move.report;
  uint64_t snapshot = d->move.snapshot;
  move_end(d);
  if (request)
    request_rewound(request, &report);
  else
    session_rewound(d->session, snapshot, &report);
  line_add(answer, "rewound");
  return 0;
}

// gdb could not do what it was asked: said in its own words.
int call_failed(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  (void)answer;
  unsigned order = (unsigned)field_number(call, 1);
  (void)error_set(e, ERROR_FAILED, "gdb says: %s", field(call, 2));
  order_failed(d, order ? order : d->move.order, e);
  move_end(d);
  return 0;
}
