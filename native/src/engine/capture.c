// SPDX-License-Identifier: EPL-2.0
// Capture: from a running process to a live snapshot.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/affinity.h"
#include "engine/files.h"
#include "engine/host.h"
#include "engine/inside.h"
#include "engine/outside.h"
#include "engine/tree.h"
#include "proc/maps.h"
#include "proc/status.h"
#include "trace/journal.h"
#include "trace/wait.h"

static int executable_of(pid_t pid, uint64_t *ret_device, uint64_t *ret_inode) {
  char path[64];
  struct stat at;
  (void)snprintf(path, sizeof path, "/proc/%d/exe", pid);
  if (stat(path, &at) < 0)
    return -errno;
  *ret_device = at.st_dev;
  *ret_inode = at.st_ino;
  return 0;
}

// The auxiliary vector tells where the kernel put the stack and the vdso: two runs of one program differ there.
static int auxiliary_vector_of(pid_t pid, char **ret, size_t *ret_size) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/auxv", pid);
  return file_read(path, 65536, ret, ret_size);
}

bool has_other_executable(const struct process_state *s) {
  uint64_t device, inode;
  _cleanup_free_ char *vector = NULL;
  size_t size;
  if (executable_of(s->pid, &device, &inode) < 0 || auxiliary_vector_of(s->pid, &vector, &size) < 0)
    return false;
  return device != s->executable_device || inode != s->executable_inode || size != s->auxiliary_size ||
         memcmp(vector, s->auxiliary_vector, size) != 0;
}

struct process_state *process_new(struct engine *g, pid_t pid) {
  struct process_state *s = must_alloc(sizeof *s);
  *s = (struct process_state){.engine = g, .pid = pid, .directory.pin = -1};
  return s;
}

static uint64_t read_clock(clockid_t clock) {
  struct timespec t;
  (void)clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// The group that the supervisor's terminal is given to; 0: there is none, or it has no number here.
static pid_t foreground_group(void) {
  _cleanup_fd_ int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  pid_t group = terminal < 0 ? 0 : tcgetpgrp(terminal);
  return group > 0 ? group : 0;
}

static void capture_identity(struct process_state *s, pid_t foreground) {
  s->monotonic_ns = read_clock(CLOCK_MONOTONIC);
  s->boottime_ns = read_clock(CLOCK_BOOTTIME);
  s->parent = s->status.parent;
  s->identity = lineage_identify_started(s->engine, s->pid, tree_find(s->engine->tree, s->pid)->start);
  s->group = getpgid(s->pid);
  s->session = getsid(s->pid);
  s->was_foreground = !s->engine->on_host && s->group > 0 && s->group == foreground;
}

static int capture_shared_memory(struct process_state *s, struct executor *main, const struct mappings *maps,
                                 struct error *e) {
  if (survey_mappings(s->engine, s->pid, maps, e) < 0 || system_v_views_read(s->pid, maps, &s->views, e) < 0 ||
      (s->engine->has_system_v && semaphore_adjustments_read(main, &s->engine->system_v, &s->adjustments, e) < 0))
    return -1;
  struct tree *tree = s->engine->tree;
  return shared_memory_capture(main, maps, &s->descriptors, tree ? &tree->pool : NULL, &s->shared, e);
}

static void mark_pages(struct process_state *s, struct executor *main, const struct mappings *maps, struct error *e) {
  tracking_mark(s->engine, main, maps, e);
  s->is_marked = true;
}

// Templates that were children of the process itself are reaped by it.
static int reap_ended_templates(struct engine *g, struct executor *main, struct error *e) {
  struct batch *b = batch_new();
  int r = 0;
  for (size_t i = 0; r == 0 && i < g->ended_count;) {
    if (g->ended[i].parent != executor_pid(main)) {
      i++;
      continue;
    }
    batch_clear(b);
    (void)CALL(b, SYS_wait4, NUMBER(g->ended[i].pid), NUMBER(0), NUMBER(WNOHANG | __WALL));
    journal_drop_template(g->ended[i].pid);
    g->ended[i] = g->ended[--g->ended_count];
    r = executor_run(main, b, e);
  }
  batch_free(b);
  return r;
}

static enum template_kind kind_of_template(const struct process_state *s, bool sibling) {
  const struct tree *t = s->engine->tree;
  for (size_t i = 0; t && !sibling && i < t->tracings.count; i++)
    if (t->tracings.item[i].tracer_pid == s->pid)
      return TEMPLATE_ORPHAN;
  return sibling ? TEMPLATE_SIBLING : TEMPLATE_CHILD;
}

static int clone_and_ask(struct frozen *f, struct process_state *s, struct executor *main, bool sibling,
                         const struct mappings *maps, struct error *e) {
  struct batch *b = batch_new();
  struct inside_reading inside = inside_add_reading(b, main);
  int r = template_make_whole(f, main, b, kind_of_template(s, sibling), maps, s, e);
  if (r == 0)
    inside_take(b, &inside, main, s);
  batch_free(b);
  return r;
}

static int capture_with(struct frozen *f, struct process_state *s, struct executor *main, bool sibling,
                        const struct mappings *maps, struct error *e) {
  if (reap_ended_templates(s->engine, main, e) < 0 || capture_shared_memory(s, main, maps, e) < 0 ||
      files_capture(s, maps, e) < 0 || threads_capture(f, main, s, e) < 0)
    return -1;
  mark_pages(s, main, maps, e);
  return clone_and_ask(f, s, main, sibling, maps, e) < 0 || threads_finish(f, main, s, e) < 0 ||
                 locks_capture(main, s, e) < 0 || zombies_capture(s, main, e) < 0
             ? -1
             : 0;
}

static int open_main(const struct frozen *f, const struct process_state *s, struct seen *seen, struct executor **ret,
                     struct error *e) {
  if (s->engine->on_host)
    return host_open(f, ret, e);
  int memory = seen->memory;
  seen->memory = -1;
  return executor_open_main(f->tracer, s->pid, s->instruction, memory, ret, e);
}

static int capture_inside(struct frozen *f, struct process_state *s, bool sibling, struct seen *seen, struct error *e) {
  struct executor *main;
  int r = open_main(f, s, seen, &main, e);
  if (r < 0)
    return -1;
  s->stopped = f->stopped;
  s->area = executor_area(main);
  s->instruction = executor_instruction(main);
  r = capture_with(f, s, main, sibling, &seen->maps, e);
  if (r == 0 && s->is_inferior)
    r = breakpoints_find(s->pid, &s->breakpoint, &s->breakpoints, e);
  return executor_close(main, e) < 0 ? -1 : r;
}

// `sibling`: the template becomes a child of the process's own parent (which must be us).
static int capture_held(struct frozen *f, struct process_state *s, bool sibling, struct outside *o, size_t index,
                        struct error *e) {
  struct seen *seen;
  if (application_check(s, e) < 0 || survey_filter(s->pid, &s->status, e) < 0 || objects_capture(s, e) < 0)
    return -1;
  int r = fault(FAULT_capture_area);
  if (r < 0)
    return error_set_errno(e, r, "cannot map memory into process %d", s->pid);
  if (outside_await(o, index, &seen, e) < 0)
    return -1;
  threads_list(f, s);
  affinity_pin(s, s->pid);
  wait_alone_but(f->count > 1 ? s->pid : 0);
  r = capture_inside(f, s, sibling, seen, e);
  affinity_unpin(s, s->pid, &s->thread[0].attributes);
  // Before the process goes on: while the template lets go of the descriptors, it keeps what the process closes.
  if (r == 0)
    r = template_settle(&s->template, s, e);
  wait_among_all();
  return r < 0 ? -1 : application_answer(s, e);
}

static int capture_settle(struct process_state *s, struct error *e) {
  affinity_unpin(s, s->template.pid, &s->thread[0].attributes);
  // What a clone inherits is read from it at leisure.
  thread_read_name(s->template.pid, s->template.pid, &s->thread[0]);
  int r = executable_of(s->template.pid, &s->executable_device, &s->executable_inode);
  if (r == 0)
    r = auxiliary_vector_of(s->template.pid, &s->auxiliary_vector, &s->auxiliary_size);
  if (r < 0)
    return error_set_errno(e, r, "cannot find the executable of process %d", s->pid);
  if (process_attributes_read(s->template.pid, &s->attributes, e) < 0)
    return -1;
  if (signal_actions_read(s->template.x, &s->actions, e) < 0 ||
      (s->has_local_segments && local_segments_read(s->template.x, &s->local_segments, e) < 0))
    return -1;
  lineage_set_base(s->engine, s->pid, s->node);
  return 0;
}

struct snapshot *snapshot_of_all(struct engine *g, struct process_state **list, size_t count, uint64_t pause_us) {
  struct snapshot *whole = must_alloc(sizeof *whole);
  *whole = (struct snapshot){.engine = g, .process = list, .processes = count, .pause_us = pause_us};
  files_take(g, &whole->files);
  objects_take(g, &whole->system_v);
  array_reserve(g->snapshot, g->snapshots, g->snapshot_capacity);
  g->snapshot[g->snapshots++] = whole;
  return whole;
}

struct snapshot *snapshot_of(struct process_state *s, uint64_t pause_us) {
  struct process_state **list = must_alloc(sizeof s);
  list[0] = s;
  return snapshot_of_all(s->engine, list, 1, pause_us);
}

// The mappings may have been marked as those of this snapshot, which will never be the base of anything: the marks go,
// and the next rewind compares.
void process_abandon(struct process_state *s) {
  if (s->is_marked)
    tracking_forget(lineage_line(s->engine, s->pid));
  files_forget(s->engine);
  objects_forget(s->engine);
  process_free(s);
}

// ---- all of a session ----

struct capturing {
  struct engine *engine;
  struct tree tree;
  struct inferior *inferior;  // held by a debugger; NULL: all are ours
  size_t inferiors;
  struct process_state **process;  // the program first, parents before their children
  size_t count;
  struct tracings tracings;
};

static bool is_listed(const struct capturing *c, pid_t pid) {
  for (size_t i = 0; i < c->count; i++)
    if (c->process[i]->pid == pid)
      return true;
  return false;
}

static void list_with_offspring(struct capturing *c, pid_t pid);

static void list_offspring(struct capturing *c, pid_t parent) {
  for (size_t i = 0; i < c->tree.count; i++) {
    const struct member *m = &c->tree.item[i];
    if (!m->is_zombie && m->parent == parent)
      list_with_offspring(c, m->pid);
  }
}

static void list_with_offspring(struct capturing *c, pid_t pid) {
  if (is_listed(c, pid))
    return;
  struct process_state *s = process_new(c->engine, pid);
  s->is_inferior = inferior_find(c->inferior, c->inferiors, pid);
  c->process[c->count++] = s;
  list_offspring(c, pid);
}

// Those that no other one of them has started.
static void list_inferiors(struct capturing *c) {
  for (size_t i = 0; i < c->inferiors; i++) {
    const struct member *m = tree_find(&c->tree, c->inferior[i].frozen.pid);
    if (!tree_find(&c->tree, m->parent))
      list_with_offspring(c, m->pid);
  }
}

static int check_lives(const struct capturing *c, pid_t pid, struct error *e) {
  const struct member *m = tree_find(&c->tree, pid);
  return m && !m->is_zombie ? 0 : error_set(e, ERROR_NO_PROCESS, "process %d has ended", pid);
}

// `first`: of a program that no debugger holds.
static int list_processes(struct capturing *c, pid_t first, struct error *e) {
  int r = c->inferiors ? 0 : check_lives(c, first, e);
  for (size_t i = 0; r == 0 && i < c->inferiors; i++)
    r = check_lives(c, c->inferior[i].frozen.pid, e);
  if (r < 0)
    return -1;
  c->process = must_alloc((c->tree.count + 1) * sizeof(struct process_state *));
  if (c->inferiors)
    list_inferiors(c);
  else
    list_with_offspring(c, first);
  list_offspring(c, getpid());
  return survey_sharing(&c->tree, e);
}

static int prepare_one(struct capturing *c, struct process_state *s, pid_t foreground, struct error *e) {
  s->status = tree_find(&c->tree, s->pid)->status;
  if (!s->status.state)
    return error_set(e, ERROR_FAILED, "cannot read the status of process %d", s->pid);
  capture_identity(s, foreground);
  s->node = lineage_new(s->engine, lineage_base(s->engine, s->pid));
  return 0;
}

static int capture_one(struct capturing *c, struct outside *o, size_t i, struct error *e) {
  struct process_state *s = c->process[i];
  struct member *m = tree_find(&c->tree, s->pid);
  struct inferior *traced = inferior_find(c->inferior, c->inferiors, s->pid);
  s->stop_is_news = m->stop_is_news;  // its parent has been asked before
  return capture_held(traced ? &traced->frozen : &m->frozen, s, !traced && m->parent == getpid(), o, i, e);
}

static int capture_each(struct capturing *c, struct outside *o, struct error *e) {
  for (size_t i = 0; i < c->count; i++)
    if (capture_one(c, o, i, e) < 0)
      return -1;
  return 0;
}

static int capture_sockets(struct capturing *c, struct error *e) {
  _cleanup_free_ pid_t *pids = must_alloc((c->count + 1) * sizeof *pids);
  size_t count = 0;
  for (size_t i = 0; i < c->count; i++)
    if (c->process[i]->pid != c->engine->debugger)
      pids[count++] = c->process[i]->pid;
  return count ? sockets_capture(pids, count, &c->tree.sockets, e) : 0;
}

static int capture_all(struct capturing *c, struct error *e) {
  const pid_t foreground = foreground_group();
  for (size_t i = 0; i < c->count; i++)
    if (prepare_one(c, c->process[i], foreground, e) < 0)
      return -1;
  struct outside *o = outside_begin(c->process, c->count);
  int r = capture_sockets(c, e);
  if (r == 0) {
    outside_go_on(o);
    r = capture_each(c, o, e);
  }
  outside_end(o);
  for (size_t i = 0; r == 0 && i < c->count; i++)
    file_census_settle(&c->tree.files, &c->process[i]->descriptors);
  return r;
}

static void abandon_all(struct capturing *c) {
  for (size_t i = 0; i < c->count; i++)
    process_abandon(c->process[i]);
  free(c->process);
  tracings_done(&c->tracings);
}

// `r`: what came of it until here.
static int settle_all(struct capturing *c, int r, uint64_t pause_us, struct snapshot **ret, struct error *e) {
  for (size_t i = 0; r == 0 && i < c->count; i++)
    r = capture_settle(c->process[i], e);
  if (r < 0)
    abandon_all(c);
  else
    (*ret = snapshot_of_all(c->engine, c->process, c->count, pause_us))->tracings = c->tracings;
  return r;
}

int engine_capture(struct engine *g, pid_t pid, struct snapshot **ret, struct error *e) {
  struct capturing c = {.engine = g};
  struct affinity affinity;
  uint64_t pause_us = 0;
  if (g->debugger && survey_debugger(g, e) < 0)
    return -1;
  files_begin(g);
  affinity_join(&affinity, pid);
  int r = pid == g->debugger ? tree_freeze_debugger(g, &c.tree, e) : tree_freeze(g, &c.tree, e);
  if (r == 0) {
    r = list_processes(&c, pid, e) < 0 ? -1 : capture_all(&c, e);
    uint64_t since = c.tree.since_us;
    tracings_copy(&c.tree.tracings, &c.tracings);
    tree_thaw(g, &c.tree);
    pause_us = now_us() - since;
  }
  r = settle_all(&c, r, pause_us, ret, e);
  affinity_leave(&affinity);
  return r;
}

int capture_around(struct engine *g, struct inferior *list, size_t count, struct snapshot **ret, struct error *e) {
  struct capturing c = {.engine = g, .inferior = list, .inferiors = count};
  if (tree_freeze_around(g, list, count, NULL, &c.tree, e) < 0)
    return -1;
  int r = list_processes(&c, 0, e) < 0 ? -1 : capture_all(&c, e);
  tracings_copy(&c.tree.tracings, &c.tracings);
  tree_thaw(g, &c.tree);
  return settle_all(&c, r, now_us() - list[0].frozen.since_us, ret, e);
}

static void end_made(struct tree *t) {
  int status;
  for (size_t i = t->count; i-- > 0;)
    if (t->item[i].frozen.count)
      process_end(&t->item[i].frozen);
  for (size_t i = t->count; i-- > 0;)
    (void)waitpid(t->item[i].pid, &status, __WALL | WNOHANG);
}

int capture_made(struct engine *g, struct frozen *list, size_t count, struct snapshot **ret, struct error *e) {
  struct capturing c = {.engine = g};
  const pid_t first = list[0].pid;
  int r = tree_freeze_held(g, list, count, &c.tree, e);
  if (r == 0) {
    r = list_processes(&c, first, e) < 0 ? -1 : capture_all(&c, e);
    end_made(&c.tree);
    tree_thaw(g, &c.tree);
  }
  return settle_all(&c, r, 0, ret, e);
}
