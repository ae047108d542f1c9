// SPDX-License-Identifier: EPL-2.0
// Rewinds, while gdb's main thread waits for the answer of its call.
//
// A rewind takes several calls. "rewind" puts the program back and leaves one thread before a jump; gdb steps over the
// jump, has its stop, and says "stopped", upon which all threads get the rest of their state: for each process that gdb
// debugs, one after the other. When one is gone it is built anew first, gdb is told to attach to it, and says
// "attached".
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/status.h"
#include "session/debugger_state.h"
#include "session/text.h"

static struct engine *engine_of(struct debugger *d) { return session_engine(d->session); }

static bool is_dead(pid_t pid) {
  struct process_status s;
  return status_read(pid, &s) < 0 || s.state == 'Z' || s.state == 'X';
}

enum { REWIND_ORDER = 1, REWIND_WHICH, REWIND_WITH_DEBUGGER, REWIND_INFERIORS };

void move_end(struct debugger *d) {
  alarm_free(d->move.nudge);
  if (d->move.orphaned)
    held_free(d->move.held);
  free(d->move.name);
  d->move = (struct move){0};
}

// gdb that debugs several processes may look at one that does not run, for an event of the other, and sleep: about a
// thread that it steps it has an outdated event to throw away first, and nothing would wake it. After a SIGCHLD it
// looks again, at any one of them.
static void nudge(void *data);

static void nudge_soon(struct debugger *d) {
  enum { NUDGE_MS = 5 };
  d->move.nudge = loop_alarm(session_loop(d->session), NUDGE_MS, nudge, d);
}

static void nudge(void *data) {
  struct debugger *d = data;
  (void)kill(d->pid, SIGCHLD);
  nudge_soon(d);
}

static void answer_step(struct debugger *d, const struct passage *p, struct line *answer) {
  if (d->move.held->inferiors > 1 && !d->move.nudge)
    nudge_soon(d);
  line_add(answer, "step");
  line_add_number(answer, (uint64_t)p->process);
  line_add_number(answer, (uint64_t)p->thread);
  line_add_number(answer, p->steps);
  line_add_number(answer, p->is_last);
  line_add_number(answer, d->move.snapshot);
  line_add(answer, d->move.name);
  line_add(answer, text_tame(text_clean(d->move.report.note)));
}

static const struct numbered *find(const struct numbered *list, size_t count, pid_t pid) {
  for (size_t i = 0; i < count; i++)
    if (list[i].pid == pid)
      return &list[i];
  return NULL;
}

static void add_to_report(struct move *m, const struct rewind_report *report) {
  struct rewind_report before = m->report;
  m->report = *report;
  m->report.rebuilt = before.rebuilt || report->rebuilt;
  m->report.duration_us += before.duration_us;
  m->report.processes_made += before.processes_made;
  m->report.processes_ended += before.processes_ended;
  if (before.note[0])
    memcpy(m->report.note, before.note, sizeof m->report.note);
}

// ---- what gdb has to do before ----

// gdb may be unable to do what it is told: it is not told for ever.
static int check_rounds(struct move *m, struct error *e) {
  enum { ROUNDS = 2 };
  if (m->rounds++ < ROUNDS + 2 * m->held->inferiors)
    return 0;
  return error_set(e, ERROR_FAILED, "gdb does not end the present processes, or attach to the new ones");
}

// A rewind that failed half-way leaves processes that cannot go on: gdb ends them, and they are built anew. Once.
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

// Of a process that was killed from outside gdb learns when it is told to look.
static bool answer_kill_lost(struct debugger *d, const struct numbered *now, size_t count, struct line *answer) {
  size_t lost = 0;
  for (size_t i = 0; i < count; i++) {
    if (!is_dead(now[i].pid) && debugger_traces(d, now[i].pid))
      continue;
    if (!lost++)
      line_add(answer, "kill");
    line_add_number(answer, now[i].number);
  }
  return lost;
}

static void answer_kill(const struct debugged *held, const struct numbered *now, size_t count, struct line *answer) {
  line_add(answer, "kill");
  for (size_t i = 0; i < count; i++)
    if (debugged_must_go(held, i))
      line_add_number(answer, now[i].number);
}

// False: it traces all that it did.
static bool answer_attach(const struct move *m, const struct numbered *now, size_t count, struct line *answer) {
  for (size_t i = 0; i < m->held->inferiors; i++) {
    const struct numbered *then = &m->held->numbered[i];
    if (find(now, count, then->pid))
      continue;
    line_add(answer, "attach");
    line_add_number(answer, then->number);
    line_add_number(answer, (uint64_t)then->pid);
    return true;
  }
  return false;
}

// One that was being killed when it was looked at.
static bool dies_now(struct debugger *d, const struct numbered *now, size_t count, struct line *answer,
                     struct error *e) {
  if (e->code != ERROR_NO_PROCESS || !answer_kill_lost(d, now, count, answer))
    return false;
  *e = (struct error){0};
  return true;
}

// ---- putting back ----

static int put_back(struct debugger *d, const struct numbered *now, size_t count, struct line *answer,
                    struct error *e) {
  struct debugged *held;
  struct move *m = &d->move;
  struct rewind_report report = {0};
  struct passage passage;
  if (debugger_hold(d, now, count, &held, e) < 0)
    return dies_now(d, now, count, answer, e) ? 0 : -1;
  int r = debugged_rewind(held, m->held->inferior, m->held->reporter, &report, &passage, e);
  if (r == DEBUGGER_ENDS)
    answer_kill(held, now, count, answer);
  debugged_close(held);
  if (r == -2)
    return rescue(d, answer, e);
  if (r < 0)
    return -1;
  add_to_report(m, &report);
  if (r == DEBUGGER_STEPS)
    answer_step(d, &passage, answer);
  else if (r == DEBUGGER_ATTACHES)
    (void)answer_attach(m, now, count, answer);
  return 0;
}

static int build_anew(struct debugger *d, struct line *answer, struct error *e) {
  struct move *m = &d->move;
  struct rewind_report report = {0};
  if (debugged_rebuild(engine_of(d), m->held->inferior, d->pid, &report, e) < 0)
    return -1;
  report.rebuilt = true;
  add_to_report(m, &report);
  (void)answer_attach(m, NULL, 0, answer);
  return 0;
}

// The next thing that gdb is to do. `now`: what it debugs.
static int advance(struct debugger *d, const struct numbered *now, size_t count, struct line *answer, struct error *e) {
  if (check_rounds(&d->move, e) < 0)
    return -1;
  if (answer_kill_lost(d, now, count, answer))
    return 0;
  return count ? put_back(d, now, count, answer, e) : build_anew(d, answer, e);
}

// ---- gdb too ----

static int plan_untold(struct debugger *d, const struct numbered *now, size_t count, struct error *e) {
  struct debugged *held;
  if (debugger_hold(d, now, count, &held, e) < 0)
    return -1;
  int r = debugged_plan_untold(held, d->move.held->inferior, e);
  debugged_close(held);
  return r;
}

static int check_debugger(struct debugger *d, const struct numbered *now, size_t count, struct error *e) {
  const struct move *m = &d->move;
  bool is_same = count == m->held->inferiors;
  if (!m->held->debugger)
    return error_set(
        e, ERROR_REFUSED,
        "snapshot %llu holds the program alone, not gdb (gdb is not kept in automatic snapshots, in those of a running "
        "program, and while there are processes that it does not trace): rewind without --with-debugger",
        (unsigned long long)m->snapshot);
  for (size_t i = 0; i < count; i++)
    is_same = is_same && !is_dead(now[i].pid) && debugger_traces(d, now[i].pid);
  if (!is_same)
    return error_set(e, ERROR_REFUSED,
                     "the program has ended or been started anew since: rewind without --with-debugger first");
  return plan_untold(d, now, count, e);
}

// gdb goes back to where it waited for the answer to its take, and gets another answer to it now.
static int put_debugger_back(struct debugger *d, const struct numbered *now, size_t count, struct error *e) {
  struct debugged *held;
  struct move *m = &d->move;
  struct rewind_report debugger = {0}, inferior = {0};
  if (check_debugger(d, now, count, e) < 0 || engine_rewind(engine_of(d), m->held->debugger, &debugger, e) < 0)
    return -1;
  m->report.duration_us = debugger.duration_us;
  if (debugger_hold(d, now, count, &held, e) < 0)
    return -1;
  int r = debugged_rewind_untold(held, m->held->inferior, &inferior, e);
  debugged_close(held);
  m->report.duration_us += inferior.duration_us;
  return r;
}

// ---- the calls ----

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
  if (put_back(d, d->move.held->numbered, d->move.held->inferiors, &answer, e) < 0)
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
static int check_numbers(const struct debugger *d, const struct numbered *now, size_t count, struct error *e) {
  const struct held *held = d->move.held;
  for (size_t i = 0; session_options(d->session)->on_host && i < held->inferiors; i++) {
    pid_t pid = held->numbered[i].pid;
    if (!find(now, count, pid) || is_dead(pid))
      return error_set(e, ERROR_REFUSED,
                       "the snapshot is of process %d, which gdb does not debug any more: attach to it if it still "
                       "runs; one that has ended cannot be brought back beside the host's processes (--host-pids)",
                       pid);
  }
  return 0;
}

static int begin_rewind(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  _cleanup_free_ struct numbered *now = NULL;
  size_t count = inferiors_of(call, REWIND_INFERIORS, &now);
  if (field_number(call, REWIND_WITH_DEBUGGER) && put_debugger_back(d, now, count, e) < 0)
    return -1;
  return check_numbers(d, now, count, e) < 0 || advance(d, now, count, answer, e) < 0 ? -1 : 0;
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
  return begin_rewind(d, call, answer, e) < 0 ? give_up(d, e) : 0;
}

static int check_moving(const struct debugger *d, struct error *e) {
  return d->move.under_way ? 0 : error_set(e, ERROR_CANCELLED, "no rewind is under way");
}

int call_killed(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  _cleanup_free_ struct numbered *now = NULL;
  size_t count = inferiors_of(call, 1, &now);
  if (check_moving(d, e) < 0)
    return -1;
  return advance(d, now, count, answer, e) < 0 ? give_up(d, e) : 0;
}

// Those that it has yet to attach to are parked.
int call_attached(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  _cleanup_free_ struct numbered *now = NULL;
  size_t count = inferiors_of(call, 1, &now);
  if (check_moving(d, e) < 0)
    return -1;
  int r = check_rounds(&d->move, e);
  if (r == 0 && !answer_attach(&d->move, now, count, answer))
    r = advance(d, now, count, answer, e);
  return r < 0 ? give_up(d, e) : 0;
}

static int settle(struct debugger *d, struct passage *ret, struct error *e) {
  struct debugged *held;
  const struct held *then = d->move.held;
  if (debugger_hold(d, then->numbered, then->inferiors, &held, e) < 0)
    return -1;
  int r = debugged_settle(held, then->inferior, &d->move.report, ret, e);
  debugged_close(held);
  return r;
}

int call_stopped(struct debugger *d, const struct fields *call, struct line *answer, struct error *e) {
  (void)call;
  struct passage passage;
  if (check_moving(d, e) < 0)
    return -1;
  int r = settle(d, &passage, e);
  if (r < 0)
    return rescue(d, answer, e) < 0 ? give_up(d, e) : 0;
  if (r > 0) {
    answer_step(d, &passage, answer);
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
