// SPDX-License-Identifier: EPL-2.0
// A rewind of all processes of a session.
//
// A process that is still the one of the snapshot is put back in place. One that has ended, or is another one now, is
// made anew as a copy of its parent, once that is what it was, and then put back like any other; the program itself is
// built from its template. What was not there then is ended and reaped before anyone can know.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "engine/adopt.h"
#include "engine/affinity.h"
#include "engine/connections.h"
#include "engine/files.h"
#include "engine/host.h"
#include "engine/tree_rewind.h"
#include "proc/status.h"
#include "resource/pty.h"
#include "trace/journal.h"
#include "trace/wait.h"

static void find_shared_files(struct tree_rewinding *t) {
  for (size_t i = 0; i < t->whole->processes; i++) {
    struct process_state *s = t->part[i].s;
    s->descriptors.shared = &t->shared;
    if (t->part[i].fate == KEPT)
      shared_files_find(&t->shared, s->pid, &s->descriptors);
  }
}

static int prepare_traced(struct tree_rewinding *t, struct part *p) {
  if (rewind_prepare(&p->traced->frozen, p->s, &p->w, t->e) < 0)
    return -1;
  p->w.leaves_threads = !p->traced->frozen.untold;
  p->is_prepared = true;
  return 0;
}

static int prepare_sockets(struct tree_rewinding *t) {
  _cleanup_free_ pid_t *living = must_alloc((t->tree.count + 1) * sizeof *living);
  size_t count = 0;
  for (size_t i = 0; i < t->tree.count; i++)
    if (!t->tree.item[i].is_zombie)
      living[count++] = t->tree.item[i].pid;
  return connections_prepare(t->whole, living, count, t->e);
}

// All that can fail while nothing is changed.
static int prepare(struct tree_rewinding *t) {
  find_shared_files(t);
  for (size_t i = 0; i < t->whole->processes; i++) {
    struct part *p = &t->part[i];
    if (p->fate != KEPT)
      continue;
    if (p->traced) {
      if (prepare_traced(t, p) < 0)
        return -1;
      continue;
    }
    struct member *m = tree_find(&t->tree, p->s->pid);
    p->frozen = m->frozen;
    m->was_stopped = m->frozen.stopped;
    m->frozen = (struct frozen){.pid = m->pid, .tracer = executor_self()};  // the threads are the part's now
    if (rewind_prepare(&p->frozen, p->s, &p->w, t->e) < 0)
      return -1;
    p->is_prepared = true;
  }
  return 0;
}

// ---- what was not there ----

static bool is_kept(const struct tree_rewinding *t, pid_t pid) {
  const struct part *p = part_of(t, pid);
  return p && p->fate == KEPT;
}

static int reap_by_parent(struct tree_rewinding *t, const struct member *m) {
  struct part *parent = part_of(t, m->parent);
  if (!parent || parent->fate != KEPT)
    return 0;
  return executor_call(parent->w.main, t->e, SYS_wait4, (uint64_t)m->pid, 0, __WALL, 0, 0, 0) == -EIO ? -1 : 0;
}

// What cannot be opened again is lent to the one that is made in its place.
static void borrow_descriptors(struct tree_rewinding *t) {
  for (size_t i = 0; i < t->whole->processes; i++)
    if (t->part[i].fate == MADE)
      descriptors_borrow(&t->part[i].s->descriptors, t->part[i].s->pid);
}

// Those whose parents have ended too are ours now. A number is free when its process has been reaped.
static void reap_orphans(const struct tree_rewinding *t) {
  int status;
  for (size_t i = 0; i < t->tree.count; i++)
    if (t->tree.item[i].is_zombie || t->tree.item[i].was_ended)
      (void)waitpid(t->tree.item[i].pid, &status, __WALL | WNOHANG);
}

static int end_surplus(struct tree_rewinding *t) {
  borrow_descriptors(t);
  for (size_t i = 0; i < t->tree.count; i++)
    if (!is_kept(t, t->tree.item[i].pid) && !t->tree.item[i].is_zombie)
      (void)kill(t->tree.item[i].pid, SIGKILL);
  for (size_t i = 0; i < t->tree.count; i++) {
    struct member *m = &t->tree.item[i];
    if (is_kept(t, m->pid) || stays_zombie(t, m))
      continue;
    if (!m->is_zombie)
      process_end(&m->frozen);
    m->was_ended = true;
    t->report->processes_ended++;
    if (reap_by_parent(t, m) < 0)
      return -1;
  }
  reap_orphans(t);
  return 0;
}

// ---- putting back ----

// Its main thread stays open for those that it has to make.
static int put_traced_back(struct tree_rewinding *t, struct part *p) {
  int r = t->comes_again ? 0 : rewind_change(&p->w, t->report, t->e);
  rewinding_done(&p->w);
  return r;
}

static int put_back_in_place(struct tree_rewinding *t, struct part *p) {
  if (p->traced)
    return put_traced_back(t, p);
  // Whoever was running is to run; and a stop of which the parent is still to hear happens once more.
  p->stays_stopped = p->frozen.stopped && p->s->stopped && !p->s->stop_is_news;
  if (p->frozen.stopped && !p->stays_stopped)
    (void)kill(p->s->pid, SIGCONT);
  int r = rewind_change(&p->w, t->report, t->e);
  if (r == 0 && getpgid(p->s->pid) != p->s->group && p->s->group > 0)
    (void)executor_call(p->w.main, t->e, SYS_setpgid, 0, (uint64_t)p->s->group, 0, 0, 0, 0);
  rewinding_done(&p->w);
  struct executor *main = p->w.main;
  p->w.main = NULL;
  if (r < 0) {
    executor_forget(main);
    return -1;
  }
  return executor_close(main, t->e) < 0 ? -1 : set_threads(&p->frozen, p->s, t->e);
}

static int make_copy(struct tree_rewinding *t, struct part *p) {
  if (make_copy_of(t, p) < 0)
    return -1;
  struct line *line = lineage_line(t->engine, p->s->pid);
  tracking_forget(line);
  line->base = NULL;
  t->shared.made = p->s->pid;
  if (rewind_held(&p->frozen, p->s, t->report, t->e) < 0)
    return -1;
  lineage_adopt(t->engine, p->s->pid, p->s->identity, p->s->node);
  return 0;
}

static int make(struct tree_rewinding *t, struct part *p) {
  t->report->processes_made++;
  if (!is_root(t, p->s))
    return make_copy(t, p);
  struct rewind_report report;
  t->shared.made = p->s->pid;
  int r = rebuild(p->s, &p->frozen, &report, t->e);
  t->report->rebuilt = true;
  return r;
}

static int make_zombies(struct tree_rewinding *t, struct part *p) {
  struct executor *main = NULL;
  int r = 0;
  for (size_t i = 0; r == 0 && i < p->s->zombies; i++) {
    const struct member *m = tree_find(&t->tree, p->s->zombie[i].pid);
    if (m && stays_zombie(t, m))
      continue;
    if (!main && open_parent(t, p->s->pid, &main) < 0)
      return -1;
    r = zombie_make(p->s, main, &p->s->zombie[i], t->e);
    (void)process_start_time(p->s->zombie[i].pid, &p->s->zombie[i].start);
    t->report->processes_made++;
  }
  if (r == 0 && main)
    r = relatives_drop_signal(p->s, main, t->e);
  return close_parent(t, main) < 0 ? -1 : r;
}

// What descriptors tell of other processes, now that these are there.
static int settle_descriptors(struct tree_rewinding *t) {
  for (size_t i = 0; i < t->whole->processes; i++) {
    const struct process_state *s = t->part[i].s;
    struct executor *x;
    if (!descriptors_wait_for_others(&s->descriptors))
      continue;
    if (open_parent(t, s->pid, &x) < 0)
      return -1;
    int r = descriptors_settle(x, &s->descriptors, t->e);
    if (close_parent(t, x) < 0 || r < 0)
      return -1;
  }
  return 0;
}

// What the parent knew already it is not to hear again.
static int take_news(struct tree_rewinding *t, struct part *parent) {
  struct executor *main = NULL;
  for (size_t i = 0; i < t->whole->processes; i++) {
    const struct process_state *s = t->part[i].s;
    if (s->parent != parent->s->pid)
      continue;
    const struct member *m = tree_find(&t->tree, s->pid);
    if (!s->stopped && !(m && m->was_stopped))
      continue;
    if (!main && open_parent(t, parent->s->pid, &main) < 0)
      return -1;
    if (!s->stop_is_news)
      relatives_take_news(main, s->pid, s->stopped, t->e);
  }
  int r = main ? relatives_drop_signal(parent->s, main, t->e) : 0;
  return close_parent(t, main) < 0 ? -1 : r;
}

static int put_stops_back(struct tree_rewinding *t) {
  for (size_t i = 0; i < t->whole->processes; i++)
    if (t->part[i].s->stopped && !t->part[i].stays_stopped && relatives_stop(t->part[i].s->pid, t->e) < 0)
      return -1;
  for (size_t i = 0; i < t->whole->processes; i++)
    if (!t->part[i].s->stopped && take_news(t, &t->part[i]) < 0)
      return -1;
  return 0;
}

static void give_terminal_back(const struct snapshot *whole) {
  _cleanup_fd_ int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  for (size_t i = 0; terminal >= 0 && i < whole->processes; i++) {
    const struct process_state *s = whole->process[i];
    if (!s->was_foreground || tcgetpgrp(terminal) == s->group)
      continue;
    (void)tcsetpgrp(terminal, s->group);
    return;
  }
}

static int put_objects_back(struct tree_rewinding *t) {
  for (size_t i = 0; i < t->whole->processes; i++)
    if (t->part[i].fate == KEPT && objects_detach(t->part[i].s, t->part[i].w.main, t->e) < 0)
      return -1;
  return objects_put_back(t->engine, t->e);
}

// A program that was there before us does not end with us, but for as long as it is neither what it was nor what it is
// to be.
static void tie_all(struct tree_rewinding *t, bool is_tied) {
  for (size_t i = 0; t->engine->on_host && i < t->whole->processes; i++)
    if (t->part[i].s->pid != t->engine->debugger)
      host_tie(&t->part[i].frozen, is_tied);
}

static int change(struct tree_rewinding *t) {
  if (files_put_back(t->engine, t->e) < 0)
    return -1;
  t->is_changed = true;
  journal_set_changing(true);
  connections_begin(t->whole);
  tie_all(t, true);
  t->comes_again = lacks_inferiors(t);
  if (end_surplus(t) < 0 || put_objects_back(t) < 0)
    return -1;
  for (size_t i = 0; i < t->whole->processes; i++) {
    struct part *p = &t->part[i];
    if ((p->fate == KEPT ? put_back_in_place(t, p) : make(t, p)) < 0 || make_zombies(t, p) < 0)
      return -1;
  }
  if (connections_put_back(t->whole, t->e) < 0 || settle_descriptors(t) < 0)
    return -1;
  if (!is_debugged(t))
    give_terminal_back(t->whole);
  if (objects_finish(t->engine, t->e) < 0)
    return -1;
  int r = put_stops_back(t);
  tracings_copy(&t->whole->tracings, &t->tree.tracings);
  tie_all(t, false);
  return r;
}

// ---- the end ----

static void note_terminals(struct rewind_report *report) {
  char moves[200] = "";
  size_t used = strlen(report->note);
  if (pty_moves(moves, sizeof moves))
    (void)snprintf(report->note + used, sizeof report->note - used,
                   "%sTerminals of the program have other numbers: %s.", used ? " " : "", moves);
}

static void close_mains(struct tree_rewinding *t) {
  struct error ignored = {0};
  for (size_t i = 0; t->part && i < t->whole->processes; i++)
    if (t->part[i].w.main) {
      (void)executor_close(t->part[i].w.main, &ignored);
      t->part[i].w.main = NULL;
    }
}

static void release(struct tree_rewinding *t) {
  struct error ignored = {0};
  journal_set_changing(false);
  objects_let_go(t->engine);
  note_terminals(t->report);
  ptys_forget();  // before the program can close its own
  shared_files_done(&t->shared);
  if (!t->keeps_sockets)
    connections_let_go(t->whole);
  close_mains(t);
  (void)tracings_give_back(&t->tree.tracings, t->inferior, t->inferiors, &ignored);
  for (size_t i = 0; t->part && i < t->whole->processes; i++) {
    struct part *p = &t->part[i];
    descriptors_return(&p->s->descriptors);
    p->s->descriptors.shared = NULL;
    if (p->is_prepared)
      rewinding_done(&p->w);
    thaw(&p->frozen);
  }
  tree_thaw(t->engine, &t->tree);
  free(t->part);
}

// Whatever is left of the session's processes, so that they can be built anew.
static void end_all(struct tree_rewinding *t) {
  tracings_done(&t->tree.tracings);
  for (size_t i = 0; i < t->whole->processes; i++) {
    struct part *p = &t->part[i];
    descriptors_borrow(&p->s->descriptors, p->s->pid);
    executor_forget(p->w.main);
    p->w.main = NULL;
  }
  for (size_t i = t->whole->processes; i-- > 0;)
    if (t->part[i].frozen.count)
      process_end(&t->part[i].frozen);
  for (size_t i = 0; i < t->tree.count; i++)
    if (t->tree.item[i].frozen.count)
      process_end(&t->tree.item[i].frozen);
  int status;
  for (size_t i = t->whole->processes; i-- > 0;)
    (void)waitpid(t->part[i].s->pid, &status, __WALL | WNOHANG);
  reap_orphans(t);
}

static int hold_tree(struct tree_rewinding *t) {
  struct engine *g = t->engine;
  if (is_debugged(t))
    return tree_freeze_around(g, t->inferior, t->inferiors, t->whole, &t->tree, t->e);
  return g->debugger ? tree_freeze_debugger(g, &t->tree, t->e) : tree_freeze(g, &t->tree, t->e);
}

static int begin(struct tree_rewinding *t) {
  int r = fault(FAULT_rewind_freeze);
  if (r < 0)
    return error_set_errno(t->e, r, "cannot hold the threads of process %d", t->whole->process[0]->pid);
  if (hold_tree(t) < 0)
    return -1;
  return decide(t) < 0 || check_zombies(t) < 0 || objects_plan(t->whole, t->e) < 0 ||
                 files_prepare(t->whole, t->e) < 0 || prepare_sockets(t) < 0 || prepare(t) < 0
             ? -1
             : 0;
}

static int check_templates(const struct snapshot *whole, struct error *e) {
  for (size_t i = 0; i < whole->processes; i++)
    if (template_check(whole->process[i], e) < 0)
      return -1;
  return 0;
}

// `*ret_is_half`: it failed when some were changed in place already, and all are ended.
static int rewind_once(struct engine *g, struct snapshot *whole, struct rewind_report *report, bool *ret_is_half,
                       struct error *e) {
  struct tree_rewinding t = {.engine = g, .whole = whole, .report = report, .e = e};
  int r = begin(&t) < 0 ? -1 : change(&t);
  *ret_is_half = t.is_changed && t.part[0].fate == KEPT;
  t.keeps_sockets = r < 0 && *ret_is_half;
  if (r < 0 && t.is_changed)
    end_all(&t);
  release(&t);
  return r;
}

// What failed half-way is built from the templates: nothing of it is left.
static int build_anew(struct engine *g, struct snapshot *whole, struct rewind_report *report, struct error *e) {
  struct error why = *e;
  bool ignored;
  *e = (struct error){0};
  if (g->on_host)
    return error_set(e, ERROR_FAILED,
                     "the rewind failed half-way (%.300s), and the program has been ended: outside a session's own "
                     "namespace it cannot be built anew, so run it by 'snapback launch'",
                     why.text);
  if (rewind_once(g, whole, report, &ignored, e) < 0) {
    struct error second = *e;
    *e = (struct error){0};
    return error_set(e, ERROR_FAILED,
                     "the rewind failed half-way (%.300s) and the program is lost (%.300s); its snapshots are kept: "
                     "rewind again",
                     why.text, second.text);
  }
  (void)snprintf(report->note, sizeof report->note, "The process was built anew from its template, because %.400s.",
                 why.text);
  return 0;
}

int engine_rewind(struct engine *g, struct snapshot *whole, struct rewind_report *report, struct error *e) {
  struct affinity affinity;
  bool is_half = false;
  uint64_t since = now_us();
  *report = (struct rewind_report){0};
  if (check_templates(whole, e) < 0 || (g->debugger && survey_debugger(g, e) < 0))
    return -1;
  affinity_join(&affinity, whole->process[0]->pid);
  int r = rewind_once(g, whole, report, &is_half, e);
  if (r < 0 && is_half)
    r = build_anew(g, whole, report, e);
  connections_rewound(whole, report);
  files_rewound(whole, report);
  engine_tell_shortfalls(g, report);
  affinity_leave(&affinity);
  report->duration_us = now_us() - since;
  return r;
}

// ---- for a debugger ----

// What it does not trace now, and did then, waits for it to attach.
static int park_all(struct tree_rewinding *t) {
  for (size_t i = 0; i < t->whole->processes; i++) {
    struct part *p = &t->part[i];
    if (p->s->is_inferior && !p->traced && adopt_park(p->s, &p->frozen, t->engine->debugger, t->e) < 0)
      return -1;
  }
  return 0;
}

static int rewind_for_debugger(struct tree_rewinding *t) {
  int r = check_templates(t->whole, t->e) < 0 || begin(t) < 0 ? -1 : 0;
  if (r == 0 && has_to_wait(t))
    return 1;
  if (r == 0)
    r = change(t) < 0 || park_all(t) < 0 ? -1 : 0;
  connections_rewound(t->whole, t->report);
  files_rewound(t->whole, t->report);
  if (r < 0 && t->is_changed)
    end_all(t);
  return r;
}

int tree_plan_around(struct engine *g, struct snapshot *whole, struct inferior *list, size_t count, struct error *e) {
  struct rewind_report ignored = {0};
  struct tree_rewinding t = {
      .engine = g, .whole = whole, .inferior = list, .inferiors = count, .report = &ignored, .e = e};
  int r = check_templates(whole, e) < 0 || begin(&t) < 0 ? -1 : has_to_wait(&t);
  files_rewound(whole, &ignored);
  release(&t);
  return r;
}

int tree_rewind_around(struct engine *g, struct snapshot *whole, struct inferior *list, size_t count,
                       struct rewind_report *report, struct error *e) {
  struct tree_rewinding t = {
      .engine = g, .whole = whole, .inferior = list, .inferiors = count, .report = report, .e = e};
  *report = (struct rewind_report){0};
  int r = rewind_for_debugger(&t);
  for (size_t i = 0; r == 0 && i < whole->processes; i++)
    if (t.part[i].traced) {
      t.part[i].traced->main = t.part[i].w.main;
      t.part[i].w.main = NULL;
    }
  release(&t);
  return r < 0 && t.is_changed ? -2 : r;
}
