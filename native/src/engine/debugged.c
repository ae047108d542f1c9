// SPDX-License-Identifier: EPL-2.0
// Live snapshots of what a debugger traces.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/memory.h"
#include "engine/debugged_state.h"
#include "engine/pad.h"
#include "engine/tree.h"
#include "proc/status.h"
#include "trace/wait.h"

// ---- opening and closing ----

static int list_threads(struct debugged *d, struct frozen *f, struct error *e) {
  const pid_t inferior = f->pid;
  *f = (struct frozen){.tracer = d->proxy, .pid = inferior, .since_us = d->self.since_us};
  int r = thread_list(inferior, &f->tid, &f->count);
  size_t kept = 0;
  for (size_t i = 0; r == 0 && i < f->count; i++) {
    struct process_status s;
    if (status_read_thread(inferior, f->tid[i], &s) == 0 && s.state != 'Z' && s.state != 'X')
      f->tid[kept++] = f->tid[i];
  }
  f->count = kept;
  for (size_t i = 0; r == 0 && i < f->count; i++)
    if (f->tid[i] == inferior) {
      f->tid[i] = f->tid[0];
      f->tid[0] = inferior;
    }
  if (r < 0 || !f->count || f->tid[0] != inferior)
    return error_set(e, ERROR_NO_PROCESS, "the program (process %d) has ended", inferior);
  return 0;
}

static int refuse_stopped(const struct frozen *self, struct error *e) {
  if (!self->stopped)
    return 0;
  return error_set(e, ERROR_REFUSED,
                   "gdb (process %d) is stopped (job control): continue it first, with fg or kill -CONT", self->pid);
}

static int list_all_threads(struct debugged *d, struct error *e) {
  for (size_t i = 0; i < d->count; i++)
    if (list_threads(d, &d->inferior[i].frozen, e) < 0)
      return -1;
  return 0;
}

static void remember(struct engine *g, pid_t debugger, const pid_t *list, size_t count) {
  g->debugger = debugger;
  g->inferior = must_realloc(g->inferior, count, sizeof *list);
  memcpy(g->inferior, list, count * sizeof *list);
  g->inferiors = count;
}

int debugged_open(struct engine *g, pid_t debugger, const pid_t *list, size_t count, struct debugged **ret,
                  struct error *e) {
  struct debugged *d = must_alloc(sizeof *d);
  *d = (struct debugged){
      .engine = g, .debugger = debugger, .inferior = must_alloc(count * sizeof *d->inferior), .count = count};
  for (size_t i = 0; i < count; i++)
    d->inferior[i].frozen.pid = list[i];
  remember(g, debugger, list, count);
  affinity_join(&d->affinity, list[0]);
  wait_guard(debugger, g->inferior, count);
  if (freeze_main_thread(debugger, &d->self, e) == 0 && refuse_stopped(&d->self, e) == 0 &&
      executor_open(executor_self(), debugger, debugger, NULL, &d->proxy, e) == 0 && list_all_threads(d, e) == 0) {
    *ret = d;
    return 0;
  }
  debugged_close(d);
  return -1;
}

// A SIGCHLD of our own stops is left to the debugger: it looks, finds nothing, and goes on. To swallow it could
// swallow one that tells of a real event.
void debugged_close(struct debugged *d) {
  struct error ignored = {0};
  wait_guard(0, NULL, 0);
  if (d->proxy)
    (void)executor_close(d->proxy, &ignored);
  thaw(&d->self);
  affinity_leave(&d->affinity);
  for (size_t i = 0; i < d->count; i++)
    free(d->inferior[i].frozen.tid);
  free(d->inferior);
  free(d->stopped);
  free(d);
}

int debugged_require_stopped(const struct debugged *d, struct error *e) {
  for (size_t i = 0; i < d->count; i++)
    for (size_t k = 0; k < d->inferior[i].frozen.count; k++)
      if (!is_thread_stopped(d->inferior[i].frozen.pid, d->inferior[i].frozen.tid[k]))
        return error_set(e, ERROR_BUSY, "thread %d of the program runs: interrupt it first",
                         d->inferior[i].frozen.tid[k]);
  return 0;
}

// ---- capture ----

int debugged_capture(struct debugged *d, struct snapshot **ret, struct error *e) {
  return debugged_require_stopped(d, e) < 0 ? -1 : capture_around(d->engine, d->inferior, d->count, ret, e);
}

// ---- rewind ----

bool debugged_must_go(const struct debugged *d, size_t index) { return d->inferior[index].must_go; }

bool debugged_holds_all(const struct debugged *d, const struct snapshot *whole) {
  for (size_t i = 0; i < whole->processes; i++)
    if (whole->process[i]->is_inferior && !inferior_find(d->inferior, d->count, whole->process[i]->pid))
      return false;
  return true;
}

// Also after a failure each is let go.
int debugged_close_mains(struct debugged *d, bool is_forgotten, struct error *e) {
  int r = 0;
  for (size_t i = 0; i < d->count; i++) {
    if (is_forgotten)
      executor_forget(d->inferior[i].main);
    else if (executor_close(d->inferior[i].main, e) < 0)
      r = -1;
    d->inferior[i].main = NULL;
  }
  return r;
}

static int open_pads(struct debugged *d, struct snapshot *whole, pid_t reporter, struct error *e) {
  int r = 0;
  pads_forget(whole);
  for (size_t i = 0; r == 0 && i < whole->processes; i++) {
    struct process_state *s = whole->process[i];
    struct inferior *p = inferior_find(d->inferior, d->count, s->pid);
    if (p)
      r = pad_open(&p->frozen, s, p->main, reporter, e);
  }
  return debugged_close_mains(d, r < 0, e) < 0 ? -1 : r;
}

static int aim(struct debugged *d, const struct snapshot *whole, struct passage *ret, struct error *e) {
  struct process_state *s = pad_turn(whole);
  struct inferior *p = inferior_find(d->inferior, d->count, s->pid);
  if (!p || pad_aim(&p->frozen, s, e) < 0)
    return -1;
  *ret = (struct passage){
      .process = s->pid, .thread = s->pad.reporter, .steps = s->pad.steps, .is_last = pad_is_last(whole)};
  return 0;
}

int debugged_rewind(struct debugged *d, struct snapshot *whole, pid_t reporter, struct rewind_report *report,
                    struct passage *ret, struct error *e) {
  uint64_t since = now_us();
  *report = (struct rewind_report){0};
  if (debugged_require_stopped(d, e) < 0)
    return -1;
  int r = tree_rewind_around(d->engine, whole, d->inferior, d->count, report, e);
  if (r != 0)
    return r < 0 ? r : DEBUGGER_ENDS;
  const bool is_whole = debugged_holds_all(d, whole);
  if (is_whole)
    r = open_pads(d, whole, reporter, e) < 0 || aim(d, whole, ret, e) < 0 ? -2 : DEBUGGER_STEPS;
  else
    r = debugged_close_mains(d, false, e) < 0 ? -2 : DEBUGGER_ATTACHES;
  report->duration_us = now_us() - since;
  return r;
}

static int close_pad(struct debugged *d, struct inferior *p, struct process_state *s, struct error *e) {
  struct executor *main;
  if (executor_open(d->proxy, s->pid, s->pid, NULL, &main, e) < 0)
    return -1;
  int r = pad_close(&p->frozen, s, main, e);
  return executor_close(main, e) < 0 || r < 0 ? -1 : set_threads(&p->frozen, s, e);
}

int debugged_settle(struct debugged *d, struct snapshot *whole, struct rewind_report *report, struct passage *ret,
                    struct error *e) {
  struct process_state *s = pad_turn(whole);
  struct inferior *p = s ? inferior_find(d->inferior, d->count, s->pid) : NULL;
  uint64_t since = now_us();
  if (!p)
    return error_set(e, ERROR_FAILED, "the program has been put back by another rewind meanwhile");
  if (debugged_require_stopped(d, e) < 0)
    return -1;
  int more = pad_next(&p->frozen, s, report, e);
  if (more < 0 || (!more && close_pad(d, p, s, e) < 0))
    return -1;
  if (pad_turn(whole))
    return aim(d, whole, ret, e) < 0 ? -1 : 1;
  engine_tell_shortfalls(d->engine, report);
  report->duration_us += now_us() - since;
  return 0;
}
