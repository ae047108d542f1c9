// SPDX-License-Identifier: EPL-2.0
// The kind of session that `snapback launch` makes: one program, which nobody traces.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/application.h"
#include "engine/restart.h"
#include "session/attached.h"
#include "session/redraw.h"
#include "session/restart.h"
#include "session/session.h"

enum { AGAIN_MS = 2 };

struct program {
  pid_t pid;
  bool stopped;  // by job control
  // A take that the program does not allow just now: it is tried again.
  struct request *waiting;
  struct alarm *again;
  uint64_t until_ms;
};

static int start(struct session *s, struct error *e) {
  struct program *p = must_alloc(sizeof *p);
  session_set_data(s, p);
  if (session_options(s)->attach)
    return attached_start(s, &p->pid, e);
  const struct restart_order *order = session_options(s)->kind_options;
  if (order) {
    p->stopped = order->options.stopped;
    return session_restart(s, order, &p->pid, e);
  }
  return session_spawn(s, session_options(s)->command, NULL, 0, &p->pid, e);
}

// Of a program that is not our child no stop is told.
static void look(struct session *s, struct program *p) {
  if (session_options(s)->attach)
    p->stopped = attached_is_stopped(p->pid);
}

static struct snapshot_entry *entry_of(struct snapshot *snapshot, const struct request *r, const struct program *p) {
  struct snapshot_facts facts;
  snapshot_facts(snapshot, &facts);
  struct snapshot_entry *entry = snapshot_entry_new(r->name);
  entry->held = snapshot;
  entry->threads = facts.threads;
  entry->pause_us = facts.pause_us;
  entry->automatic = r->automatic;
  entry->place.pc = facts.pc;
  entry->place.reason = must_strdup(p->stopped ? "stopped" : "running");
  entry->pids[0] = facts.pid;
  entry->pid_count = 1;
  entry->memory = facts.copied;
  return entry;
}

static void try_take(struct session *s, struct request *r);

static void try_again(void *data) {
  struct session *s = data;
  struct program *p = session_data(s);
  struct error ignored = {0};
  p->again = NULL;
  // While the program has disabled snapshots it is not even held to look.
  if (engine_application_allows(session_engine(s), p->pid, &ignored) < 0 && now_ms() < p->until_ms)
    p->again = loop_alarm(session_loop(s), AGAIN_MS, try_again, s);
  else
    try_take(s, p->waiting);
}

static void try_take(struct session *s, struct request *r) {
  struct program *p = session_data(s);
  look(s, p);
  struct snapshot *snapshot;
  struct error e = {0};
  p->waiting = r;
  int result = engine_capture(session_engine(s), p->pid, &snapshot, &e);
  if (result < 0 && e.code == ERROR_BUSY && now_ms() < p->until_ms) {
    p->again = loop_alarm(session_loop(s), AGAIN_MS, try_again, s);
    return;
  }
  p->waiting = NULL;
  if (result < 0)
    request_failed(r, &e);
  else
    request_taken(r, entry_of(snapshot, r, p));
}

static void take(struct session *s, struct request *r) {
  struct program *p = session_data(s);
  p->until_ms = now_ms() + r->wait_ms;
  try_take(s, r);
}

static void rewind_program(struct session *s, struct request *r) {
  struct snapshot_entry *entry = session_find(s, r->snapshot);
  struct rewind_report report = {0};
  struct error e = {0};
  if (engine_rewind(session_engine(s), entry->held, &report, &e))
    request_failed(r, &e);
  else {
    if (session_draws(s))
      session_ask_to_redraw(s);
    request_rewound(r, &report);
  }
  session_state_changed(s);
}

static void cancel(struct session *s, struct request *r) {
  struct program *p = session_data(s);
  struct error e = {0};
  if (r != p->waiting)
    return;
  alarm_free(p->again);
  p->again = NULL;
  p->waiting = NULL;
  (void)error_set(&e, ERROR_CANCELLED, "the request was cancelled before the program had enabled snapshots again");
  request_failed(r, &e);
}

// A rewind that failed half-way may have lost the program: the session stays, for its snapshots can bring it back.
static void facts(struct session *s, struct session_facts *ret) {
  struct program *p = session_data(s);
  look(s, p);
  bool is_lost = kill(p->pid, 0) < 0;
  enum session_state state = is_lost ? SESSION_EXITED : p->stopped ? SESSION_STOPPED : SESSION_RUNNING;
  *ret = (struct session_facts){.state = state, .program = is_lost ? 0 : p->pid};
}

static bool child(struct session *s, pid_t pid, int status) {
  struct program *p = session_data(s);
  if (pid != p->pid)
    return false;
  p->stopped = WIFSTOPPED(status);
  if (WIFCONTINUED(status))
    engine_continue_stopped(session_engine(s));
  return WIFEXITED(status) || WIFSIGNALED(status);
}

static void drop(struct session *s, struct snapshot_entry *entry) {
  (void)s;
  snapshot_free(entry->held);
  entry->held = NULL;
}

static bool holds(const struct snapshot_entry *entry, const struct snapshot *snapshot) {
  return entry->held == snapshot;
}

static unsigned snapshots(const struct snapshot_entry *entry, bool with_debugger,
                          struct snapshot *ret[SESSION_PROCESSES], pid_t *ret_thread) {
  (void)with_debugger;
  struct snapshot_facts of_first;
  ret[0] = entry->held;
  snapshot_facts(ret[0], &of_first);
  *ret_thread = of_first.pid;
  return 1;
}

static void channels(struct session *s, int ret[2]) {
  (void)s;
  ret[0] = ret[1] = -1;
}

static uint64_t memory(struct session *s, struct snapshot_entry *entry) {
  (void)s;
  return snapshot_memory(entry->held);
}

static void close_program(struct session *s) { free(session_data(s)); }

const struct session_kind program_kind = {
    .number = SESSION_PROGRAM,
    .start = start,
    .take = take,
    .rewind = rewind_program,
    .cancel = cancel,
    .facts = facts,
    .child = child,
    .drop = drop,
    .holds = holds,
    .snapshots = snapshots,
    .channels = channels,
    .memory = memory,
    .close = close_program,
};
