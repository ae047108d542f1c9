// SPDX-License-Identifier: EPL-2.0
// Restart: the checks, and the steps from a process behind its exec to the program that was saved.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "engine/restart_state.h"
#include "resource/pty.h"
#include "resource/recreate_kinds.h"

// ---- checks ----

static void list_mappings(struct restart *r) {
  const Snapback__Image__Process *p = r->process;
  r->then.item = must_alloc((p->n_mapping + 1) * sizeof *r->then.item);
  for (; r->then.count < p->n_mapping; r->then.count++) {
    const Snapback__Image__Mapping *m = p->mapping[r->then.count];
    bool is_file = m->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_FILE_PRIVATE ||
                   m->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_FILE_SHARED;
    r->then.item[r->then.count] = (struct mapping){
        .start = m->start, .end = m->end, .inode = is_file, .protection = (int)m->protection, .name = m->name};
  }
}

static char *path_of(const void *data, const char *path) { return restart_path(data, path); }

// The first one is of the program's, or the debugger.
static void list_processes(struct restart_tree *t, const struct image *image, const struct restart_options *options) {
  const Snapback__Image__Image *m = image_metadata(image);
  t->item = must_alloc((m->n_process + 1) * sizeof *t->item);
  for (size_t i = 0; i < m->n_process; i++) {
    if ((bool)m->process[i]->is_debugger != options->debugger)
      continue;
    struct restart *r = &t->item[t->count++];
    *r = (struct restart){
        .image = image, .metadata = m, .process = m->process[i], .options = *options, .files = &t->files};
    list_mappings(r);
  }
}

static int check_processes(struct restart_tree *t, struct error *e) {
  for (size_t i = 0; i < t->count; i++) {
    struct restart *r = &t->item[i];
    if (restart_check_machine(r, e) < 0 || restart_check_vdso(r, e) < 0 || restart_check_files(r, e) < 0 ||
        restart_check_environment(r, e) < 0)
      return -1;
  }
  if (!t->item[0].options.debugger && recreation_check_sockets(t->files.metadata, e) < 0)
    return -1;
  return restart_check_tracings(t, e) < 0 || restart_check_environment_lines(t, e) < 0 || restart_plan_births(t, e) < 0
             ? -1
             : 0;
}

int restart_check(const struct image *image, const struct restart_options *options, struct restart_tree **ret,
                  struct error *e) {
  struct restart_tree *t = must_alloc(sizeof *t);
  *t = (struct restart_tree){.files = {.image = image, .metadata = image_metadata(image), .path_of = path_of}};
  memcpy(t->files.channel, options->channel, sizeof t->files.channel);
  list_processes(t, image, options);
  t->files.path_data = &t->item[0];
  int r = t->count ? check_processes(t, e)
                   : error_set(e, ERROR_REFUSED, "the image holds no %s", options->debugger ? "debugger" : "program");
  if (r == 0 && restart_put_files_back(&t->item[0], e) == 0) {
    *ret = t;
    return 0;
  }
  restart_free(t);
  return -1;
}

static void restart_done(struct restart *r) {
  mappings_done(&r->then);
  for (size_t i = 0; i < r->patches; i++)
    free(r->patch[i].bytes);
  free(r->patch);
  free(r->kept);
  free(r->executable);
  free(r->directory);
}

void restart_free(struct restart_tree *t) {
  if (!t)
    return;
  for (size_t i = 0; i < t->count; i++)
    restart_done(&t->item[i]);
  recreation_done(&t->files);
  free(t->item);
  free(t);
}

size_t restart_processes(const struct restart_tree *t) { return t->count; }

void restart_start(const struct restart_tree *t, struct restart_start *ret) {
  const struct restart *r = &t->item[0];
  *ret = (struct restart_start){
      .executable = r->executable,
      .pid = r->process->pid,
      .leads_session = r->process->session == r->process->pid,
      .personality = r->process->personality,
      .monotonic_ns = r->metadata->machine->monotonic_ns,
      .boottime_ns = r->metadata->machine->boottime_ns,
  };
}

// ---- the steps of one process ----

static int empty_memory(struct restarting *w, struct error *e) {
  return restart_clear(w, e) < 0 ? -1 : restart_put_vdso_back(w, e);
}

static int make_memory(struct restarting *w, struct error *e) {
  return (w->r->twin ? restart_trim(w, e) : empty_memory(w, e)) < 0 || restart_set_fields(w, e) < 0 ||
                 restart_map(w, e) < 0 || restart_bridge_vdso(w, e) < 0 || restart_fill(w, e) < 0 ||
                 restart_patch_environment(w, e) < 0 || application_restarted(w->engine, w->f.pid, w->r->process, e) < 0
             ? -1
             : 0;
}

static int lift_limits(struct restarting *w, struct error *e) {
  int r = fault(FAULT_restart_limits);
  process_limits_lift(w->f.pid);
  return r < 0 ? error_set_errno(e, r, "cannot set the limits of the new process") : 0;
}

static int put_descriptors_back(struct restarting *w, struct error *e) {
  struct descriptor_plan *plan;
  unsigned changed;
  w->s->descriptors.shared = w->shared;
  if (descriptors_plan(w->f.pid, &w->s->descriptors, &plan, e) < 0)
    return -1;
  int r = descriptors_put_back(w->main, plan, &changed, e);
  descriptor_plan_free(plan);
  return r < 0 ? r : descriptors_settle(w->main, &w->s->descriptors, e);
}

static int make_process(struct restarting *w, struct error *e) {
  struct rewind_report report = {0};
  if (restart_describe(w, e) < 0 || make_missing_threads(&w->f, w->s, w->main, &report, e) < 0 || lift_limits(w, e) < 0)
    return -1;
  return kept_out_restore(w->s, w->main, e) < 0 || wiped_restore(w->s, w->main, e) < 0 ||
                 locks_put_back(w->s, w->main, e) < 0 || put_descriptors_back(w, e) < 0 ||
                 working_directory_put_back(w->main, &w->s->directory, e) < 0 ||
                 signal_actions_set(w->main, &w->s->actions, e) < 0 ||
                 local_segments_put_back(w->main, &w->s->local_segments, e) < 0 ||
                 set_threads_inside(&w->f, w->s, w->main, 1, e) < 0 || relatives_put_back(w->s, w->main, e) < 0 ||
                 signals_put_back(w->s, w->main, e) < 0 || objects_adjust(w->s, w->main, e) < 0 ||
                 timers_put_back(w->main, &w->s->timers, e) < 0 || attributes_put_back(w->s, w->main, e) < 0
             ? -1
             : 0;
}

static int finish(struct restarting *w, struct error *e) {
  int r = executor_close(w->main, e);
  w->main = NULL;
  return r < 0 ? -1 : set_threads(&w->f, w->s, e);
}

// ---- all of them ----

// Before its children are forked, which inherit the terminal.
static int give_terminal(struct restarting *w, struct error *e) {
  struct controlling_terminal t = {0};
  recreate_controlling_terminal(w->r->metadata, w->f.pid, &t);
  return t.leads ? controlling_terminal_give(w->main, &t, e) : 0;
}

// Parents before their children.
static int make_memory_of_all(struct restarting_tree *t, struct error *e) {
  if (recreation_make_objects(&t->tree->files, path_of, &t->tree->item[0], e) < 0)
    return -1;
  if (restart_make_objects(t, e) < 0)
    return -1;
  for (size_t i = 0; i < t->tree->count; i++)
    if (restart_birth(t, i, e) < 0 || make_memory(&t->item[i], e) < 0 || give_terminal(&t->item[i], e) < 0)
      return -1;
  return recreation_seal(&t->tree->files, e);
}

// Children before their parents, which are to have no other signals than those that waited then.
static int make_all(struct restarting_tree *t, struct error *e) {
  struct recreation *files = &t->tree->files;
  if (recreation_make_pipes(files, e) < 0 || recreation_make_queues(files, t->tree->item[0].options.force, e) < 0 ||
      recreation_describe_sockets(files, t->tree->item[0].process->is_debugger, e) < 0 ||
      sockets_plan(files->sockets, NULL, 0, e) < 0)
    return -1;
  for (size_t i = t->tree->count; i-- > 0;) {
    struct restarting *w = &t->item[i];
    t->shared.made = w->f.pid;
    if (make_process(w, e) < 0 || finish(w, e) < 0 || restart_stop(t, i, e) < 0)
      return -1;
  }
  return sockets_put_back(files->sockets, e);
}

static void begin(struct restarting_tree *t) {
  t->item = must_alloc(t->tree->count * sizeof *t->item);
  for (size_t i = 0; i < t->tree->count; i++) {
    struct restarting *w = &t->item[i];
    pid_t pid = t->tree->item[i].process->pid;
    *w = (struct restarting){
        .r = &t->tree->item[i], .engine = t->engine, .s = process_new(t->engine, pid), .shared = &t->shared};
    w->f = (struct frozen){.tracer = executor_self(), .pid = pid, .tid = must_alloc(sizeof(pid_t))};
    w->f.tid[0] = pid;
  }
  t->item[0].f.count = 1;  // the caller holds it
}

static void end_all(struct restarting_tree *t) {
  for (size_t i = t->tree->count; i-- > 0;) {
    struct frozen *f = &t->item[i].f;
    if (f->count)
      process_end(f);
    free(f->tid);
    f->tid = NULL;
  }
}

const char *restart_note(const struct restart_tree *t) { return t->note; }

static void note_terminals(struct restart_tree *t) {
  char moves[200] = "";
  if (pty_moves(moves, sizeof moves))
    (void)snprintf(t->note, sizeof t->note, "terminals of the program have other numbers: %s", moves);
}

static void note_sockets(struct restart_tree *t) {
  size_t used = strlen(t->note);
  const char *note = t->files.sockets ? t->files.sockets->note : "";
  if (*note)
    (void)snprintf(t->note + used, sizeof t->note - used, "%s%s", used ? "; " : "", note);
}

int restart_held(struct engine *g, struct restart_tree *tree, struct frozen *ret, struct error *e) {
  struct restarting_tree t = {.engine = g, .tree = tree};
  begin(&t);
  int r =
      make_memory_of_all(&t, e) < 0 || restart_join_groups(&t, e) < 0 || make_all(&t, e) < 0 || objects_finish(g, e) < 0
          ? -1
          : 0;
  objects_let_go(g);
  system_v_done(&t.system_v);
  recreation_close_pipes(&tree->files);
  recreation_close_queues(&tree->files, r < 0);
  note_terminals(tree);
  note_sockets(tree);
  sockets_let_go(tree->files.sockets);
  ptys_forget();
  shared_files_done(&t.shared);
  for (size_t i = 0; i < tree->count; i++) {
    executor_forget(t.item[i].main);
    process_free(t.item[i].s);
  }
  if (r < 0)
    end_all(&t);
  else
    restart_give_terminal(tree);
  for (size_t i = 0; i < tree->count; i++)
    ret[i] = t.item[i].f;
  free(t.item);
  return r;
}

// ---- those that are left stopped ----

static int continue_later(struct engine *g, pid_t pid) {
  array_reserve(g->stopped, g->stopped_count, g->stopped_capacity);
  g->stopped[g->stopped_count++] = pid;
  return 0;
}

void engine_continue_stopped(struct engine *g) {
  for (size_t i = 0; i < g->stopped_count; i++)
    (void)kill(g->stopped[i], SIGCONT);
  g->stopped_count = 0;
}

// Its main thread takes a stop that holds for all; the others come to it as soon as they are let go.
static int leave_stopped(struct engine *g, const struct restart *r, struct frozen *f, struct error *e) {
  if (!r->process->stopped && relatives_stop(f->pid, e) < 0)
    return -1;
  for (size_t i = f->count; i-- > 0;)
    (void)ptrace(PTRACE_DETACH, f->tid[i], 0, 0);
  free(f->tid);
  *f = (struct frozen){0};
  return r->process->stopped ? 0 : continue_later(g, r->process->pid);
}

static int leave_all_stopped(struct engine *g, const struct restart_tree *t, struct frozen *f, struct error *e) {
  int r = 0;
  for (size_t i = 0; r == 0 && i < t->count; i++)
    r = leave_stopped(g, &t->item[i], &f[i], e);
  for (size_t i = t->count; r < 0 && i-- > 0;)
    if (f[i].count)
      process_end(&f[i]);
    else
      (void)kill(t->item[i].process->pid, SIGKILL);
  return r;
}

int engine_restart(struct engine *g, struct restart_tree *t, struct error *e) {
  _cleanup_free_ struct frozen *f = must_alloc(t->count * sizeof *f);
  if (restart_held(g, t, f, e) < 0)
    return -1;
  if (t->item[0].options.stopped)
    return leave_all_stopped(g, t, f, e);
  int r = restart_put_tracings_back(t, e);
  for (size_t i = t->count; r < 0 && i-- > 0;)
    process_end(&f[i]);
  for (size_t i = 0; i < t->count; i++)
    thaw(&f[i]);
  return r;
}
