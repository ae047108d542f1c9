// SPDX-License-Identifier: EPL-2.0
// Rewind in place: the living process gets back what it was at a snapshot.
//
// First all that can fail is prepared, with the process untouched; then it is changed. When a step of the change
// fails all the same, the process is built anew from its template (rebuild.c).
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "engine/affinity.h"
#include "engine/files.h"
#include "engine/host.h"
#include "engine/state.h"

static bool has_thread(const struct process_state *s, pid_t tid) {
  for (size_t i = 0; i < s->threads; i++)
    if (s->thread[i].tid == tid)
      return true;
  return false;
}

// Ended first, while their stacks and rseq areas are still mapped.
static int end_surplus_threads(struct frozen *f, struct process_state *s, struct executor *main,
                               struct rewind_report *report, struct error *e) {
  for (size_t i = 0; i < f->count;) {
    if (has_thread(s, f->tid[i])) {
      i++;
      continue;
    }
    if (thread_end(f, main, f->tid[i], e) < 0)
      return -1;
    f->tid[i] = f->tid[--f->count];
    report->threads_ended++;
  }
  return 0;
}

static int leave_rseq_areas(struct frozen *f, const struct process_state *s, struct executor *main, struct error *e) {
  for (size_t i = 0; i < s->threads; i++)
    if (frozen_holds(f, s->thread[i].tid) && thread_leave_rseq(f, main, &s->thread[i], e) < 0)
      return -1;
  return 0;
}

int make_missing_threads(struct frozen *f, struct process_state *s, struct executor *main, struct rewind_report *report,
                         struct error *e) {
  size_t existing = f->count;
  f->tid = must_realloc(f->tid, existing + s->threads, sizeof *f->tid);
  for (size_t i = 0; i < s->threads; i++) {
    if (frozen_holds(f, s->thread[i].tid))
      continue;
    if (thread_make(f, main, &s->thread[i], e) < 0)
      return -1;
    f->tid[f->count++] = s->thread[i].tid;
    report->threads_made++;
  }
  return 0;
}

// What only a thread itself can set, in all threads that are held: the first `existing` of them were there before.
int set_threads_inside(struct frozen *f, struct process_state *s, struct executor *main, size_t existing,
                       struct error *e) {
  for (size_t i = 0; i < s->threads; i++) {
    const struct thread_state *t = &s->thread[i];
    struct executor *x = main;
    bool is_new = true;
    for (size_t k = 0; k < existing; k++)
      is_new = is_new && f->tid[k] != t->tid;
    struct rseq_configuration now;
    if (!frozen_holds(f, t->tid))
      continue;
    if (!is_new && thread_read_rseq(f->tracer, t->tid, &now, e) < 0)
      return -1;
    if (t->tid != s->pid && executor_open(f->tracer, s->pid, t->tid, main, &x, e) < 0)
      return -1;
    int r = thread_set_inside(x, t, is_new ? NULL : &now, &s->engine->shortfalls, e);
    // It waits again where it waited then. That of a program under a debugger is what the debugger waits for now.
    if (f->untold || !s->engine->debugger)
      *executor_stop_pending(x) = t->stop_pending;
    if (x != main && executor_close(x, e) < 0)
      return -1;
    if (r < 0)
      return -1;
  }
  return 0;
}

// Pieces of a mapping grow together when they bear the same mark; what stays in pieces is made anew.
static int join_pieces(struct rewinding *w, struct rewind_report *report, struct error *e) {
  uint64_t start = 0, end = 0;
  bool is_new = false;
  int r;
  while ((r = layout_join_pieces(w->s, w->main, &start, &end, e)) > 0) {
    is_new = true;
    if (pages_put_back(w->s, w->main, start, end, report, e) < 0)
      return -1;
  }
  return r == 0 && is_new ? advice_put_back(w->s, w->main, e) : r;
}

static int mark_again(struct rewinding *w, struct error *e) {
  struct mappings now;
  int r = mappings_read(w->s->pid, &now);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of process %d", w->s->pid);
  tracking_mark(w->s->engine, w->main, &now, e);
  mappings_done(&now);
  return 0;
}

static int put_memory_back(struct rewinding *w, struct rewind_report *report, struct error *e) {
  if (pages_put_back(w->s, w->main, 0, arch_user_end, report, e) < 0)
    return -1;
  if (mark_again(w, e) < 0 || join_pieces(w, report, e) < 0)
    return -1;
  return w->s->engine->debugger ? breakpoints_put_back(w->s, w->inserted, w->inserted_count, e) : 0;
}

int rewind_change(struct rewinding *w, struct rewind_report *report, struct error *e) {
  struct process_state *s = w->s;
  application_rewound(s);
  process_limits_lift(s->pid);
  if (end_surplus_threads(w->f, s, w->main, report, e) < 0)
    return -1;
  size_t existing = w->f->count;
  if (timers_stop(w->main, &s->timers, w->f->tid, existing, e) < 0)
    return -1;
  if (leave_rseq_areas(w->f, s, w->main, e) < 0 || layout_put_back(s, w->main, report, e) < 0 ||
      advice_put_back(s, w->main, e) < 0 ||
      (!w->leaves_threads && make_missing_threads(w->f, s, w->main, report, e) < 0))
    return -1;
  return put_memory_back(w, report, e) < 0 || kept_out_restore(s, w->main, e) < 0 || wiped_restore(s, w->main, e) < 0 ||
                 locks_put_back(s, w->main, e) < 0 || shared_memory_put_back(w->main, &s->shared, e) < 0 ||
                 objects_adjust(s, w->main, e) < 0 ||
                 descriptors_put_back(w->main, w->plan, &report->descriptors_changed, e) < 0 ||
                 working_directory_put_back(w->main, &s->directory, e) < 0 ||
                 signal_actions_set(w->main, &s->actions, e) < 0 ||
                 local_segments_put_back(w->main, &s->local_segments, e) < 0 ||
                 set_threads_inside(w->f, s, w->main, existing, e) < 0 || relatives_put_back(s, w->main, e) < 0 ||
                 signals_put_back(s, w->main, e) < 0 || timers_put_back(w->main, &s->timers, e) < 0 ||
                 attributes_put_back(s, w->main, e) < 0
             ? -1
             : 0;
}

int set_threads(struct frozen *f, struct process_state *s, struct error *e) {
  for (size_t i = 0; i < s->threads; i++)
    if (thread_set(f->tracer, s->pid, &s->thread[i], e) < 0)
      return -1;
  return 0;
}

// Where our area was when the snapshot was taken is the one place that no mapping of the template wants.
static int open_main(struct frozen *f, struct process_state *s, struct executor **ret, struct error *e) {
  int r = fault(FAULT_rewind_area);
  if (r < 0)
    return error_set_errno(e, r, "cannot map memory into process %d", s->pid);
  struct error first = {0};
  if (executor_open_at(f->tracer, s->pid, s->pid, s->area, ret, &first) == 0)
    return 0;
  struct mappings now, then;
  uint64_t free_place = 0;
  if (mappings_read(s->pid, &now) == 0) {
    if (mappings_read(s->template.pid, &then) == 0) {
      free_place = place_free_in_both(&now, &then);
      mappings_done(&then);
    }
    mappings_done(&now);
  }
  if (!free_place) {
    *e = first;
    return -1;
  }
  return executor_open_at(f->tracer, s->pid, s->pid, free_place, ret, e);
}

int rewind_prepare(struct frozen *f, struct process_state *s, struct rewinding *ret, struct error *e) {
  *ret = (struct rewinding){.f = f, .s = s};
  int r = fault(FAULT_rewind_plan);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of process %d", s->pid);
  struct process_status now;
  if ((r = status_read(s->pid, &now)) < 0)
    return error_set_errno(e, r, "cannot read the status of process %d", s->pid);
  if (template_check(s, e) == 0 && survey_filter(s->pid, &now, e) == 0 &&
      shared_memory_check(s->pid, &s->shared, &s->descriptors, e) == 0 &&
      descriptors_plan(s->pid, &s->descriptors, &ret->plan, e) == 0 &&
      (f->tracer == executor_self() || breakpoints_find(s->pid, &ret->inserted, &ret->inserted_count, e) == 0) &&
      open_main(f, s, &ret->main, e) == 0 && host_check_threads(f, s, ret->main, e) == 0)
    return 0;
  rewinding_done(ret);
  (void)executor_close(ret->main, NULL);
  ret->main = NULL;
  return -1;
}

void rewinding_done(struct rewinding *w) {
  descriptor_plan_free(w->plan);
  free(w->inserted);
  w->plan = NULL;
  w->inserted = NULL;
}

int rewind_held(struct frozen *f, struct process_state *s, struct rewind_report *report, struct error *e) {
  struct rewinding w;
  if (rewind_prepare(f, s, &w, e) < 0)
    return -1;
  if (files_put_back(s->engine, e) < 0) {
    rewinding_done(&w);
    (void)executor_close(w.main, NULL);
    return -1;
  }
  int r = rewind_change(&w, report, e);
  rewinding_done(&w);
  if (r < 0) {
    executor_forget(w.main);
    return -2;
  }
  return executor_close(w.main, e) < 0 || set_threads(f, s, e) < 0 ? -2 : 0;
}
