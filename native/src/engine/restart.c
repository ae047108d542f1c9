// SPDX-License-Identifier: EPL-2.0
// Restart: the checks, and the steps from a process behind its exec to the program that was saved.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fault.h"
#include "base/memory.h"
#include "engine/restart_state.h"
#include "trace/wait.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

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

static int choose_process(struct restart *r, struct error *e) {
  for (size_t i = 0; i < r->metadata->n_process && !r->process; i++)
    if ((bool)r->metadata->process[i]->is_debugger == r->options.debugger)
      r->process = r->metadata->process[i];
  if (!r->process)
    return error_set(e, ERROR_REFUSED, "the image holds no %s", r->options.debugger ? "debugger" : "program");
  list_mappings(r);
  return 0;
}

int restart_check(const struct image *image, const struct restart_options *options, struct restart **ret,
                  struct error *e) {
  struct restart *r = must_alloc(sizeof *r);
  *r = (struct restart){.image = image, .metadata = image_metadata(image), .options = *options};
  r->files.image = image;
  r->files.metadata = r->metadata;
  r->files.path_of = path_of;
  r->files.path_data = r;
  memcpy(r->files.channel, options->channel, sizeof r->files.channel);
  if (choose_process(r, e) == 0 && restart_check_machine(r, e) == 0 && restart_check_vdso(r, e) == 0 &&
      restart_check_files(r, e) == 0 && restart_check_environment(r, e) == 0 && restart_put_files_back(r, e) == 0) {
    *ret = r;
    return 0;
  }
  restart_free(r);
  return -1;
}

void restart_free(struct restart *r) {
  if (!r)
    return;
  recreation_done(&r->files);
  mappings_done(&r->then);
  for (size_t i = 0; i < r->patches; i++)
    free(r->patch[i].bytes);
  free(r->patch);
  free(r->executable);
  free(r->directory);
  free(r);
}

void restart_start(const struct restart *r, struct restart_start *ret) {
  *ret = (struct restart_start){
      .executable = r->executable,
      .pid = r->process->pid,
      .leads_session = r->process->session == r->process->pid,
      .personality = r->process->personality,
      .monotonic_ns = r->metadata->machine->monotonic_ns,
      .boottime_ns = r->metadata->machine->boottime_ns,
  };
}

// ---- the steps ----

static int make_memory(struct restarting *w, struct error *e) {
  return restart_clear(w, e) < 0 || restart_put_vdso_back(w, e) < 0 || restart_set_fields(w, e) < 0 ||
                 recreation_make_objects(&w->r->files, path_of, w->r, e) < 0 || restart_map(w, e) < 0 ||
                 restart_bridge_vdso(w, e) < 0 || restart_fill(w, e) < 0 || restart_patch_environment(w, e) < 0 ||
                 application_restarted(w->engine, w->f.pid, w->r->process, e) < 0 ||
                 recreation_seal(&w->r->files, e) < 0
             ? -1
             : 0;
}

// A limit that only root may raise stays as the caller has it.
static int set_limits(struct restarting *w, struct error *e) {
  int r = fault(FAULT_restart_limits);
  for (size_t i = 0; r == 0 && i < w->r->process->n_limit; i++) {
    const Snapback__Image__Limit *l = w->r->process->limit[i];
    struct rlimit now, then = {l->soft, l->hard};
    if (prlimit(w->f.pid, (__rlimit_resource_t)l->resource, &then, NULL) == 0 || errno != EPERM ||
        prlimit(w->f.pid, (__rlimit_resource_t)l->resource, NULL, &now) < 0)
      continue;
    then.rlim_max = now.rlim_max;
    then.rlim_cur = then.rlim_cur < now.rlim_max ? then.rlim_cur : now.rlim_max;
    (void)prlimit(w->f.pid, (__rlimit_resource_t)l->resource, &then, NULL);
  }
  return r < 0 ? error_set_errno(e, r, "cannot set the limits of the new process") : 0;
}

static int put_descriptors_back(struct restarting *w, struct error *e) {
  struct descriptor_plan *plan;
  unsigned changed;
  if (descriptors_plan(w->f.pid, &w->s->descriptors, &plan, e) < 0)
    return -1;
  int r = descriptors_put_back(w->main, plan, &changed, e);
  descriptor_plan_free(plan);
  return r < 0 ? r : descriptors_settle(w->main, &w->s->descriptors, e);
}

static void lock_memory(struct restarting *w) {
  for (size_t i = 0; i < w->r->process->n_mapping; i++) {
    const Snapback__Image__Mapping *m = w->r->process->mapping[i];
    if (m->flags & MAP_LOCKED)
      (void)executor_call(w->main, NULL, SYS_mlock, m->start, m->end - m->start, 0, 0, 0, 0);
  }
}

static int make_process(struct restarting *w, struct error *e) {
  struct rewind_report report = {0};
  if (recreation_make_pipes(&w->r->files, e) < 0 || restart_describe(w, e) < 0 ||
      make_missing_threads(&w->f, w->s, w->main, &report, e) < 0 || set_limits(w, e) < 0)
    return -1;
  lock_memory(w);
  return kept_out_restore(w->s, w->main, e) < 0 || put_descriptors_back(w, e) < 0 ||
                 working_directory_put_back(w->main, &w->s->directory, e) < 0 ||
                 signal_actions_set(w->main, &w->s->actions, e) < 0 ||
                 set_threads_inside(&w->f, w->s, w->main, 1, e) < 0 || signals_put_back(w->s, w->main, e) < 0 ||
                 timers_put_back(w->main, &w->s->timers, e) < 0
             ? -1
             : 0;
}

static int finish(struct restarting *w, struct error *e) {
  int r = executor_close(w->main, e);
  w->main = NULL;
  recreation_close_pipes(&w->r->files);
  return r < 0 ? -1 : set_threads(&w->f, w->s, e);
}

int restart_held(struct engine *g, struct restart *r, struct frozen *ret, struct error *e) {
  struct restarting w = {.r = r, .engine = g, .s = process_new(g, r->process->pid)};
  w.f =
      (struct frozen){.tracer = executor_self(), .pid = r->process->pid, .tid = must_alloc(sizeof(pid_t)), .count = 1};
  w.f.tid[0] = w.f.pid;
  int result = make_memory(&w, e) < 0 || make_process(&w, e) < 0 || finish(&w, e) < 0 ? -1 : 0;
  executor_forget(w.main);
  process_free(w.s);
  if (result < 0)
    process_end(&w.f);
  *ret = w.f;
  return result;
}

// Its main thread takes a stop that holds for all; the others come to it as soon as they are let go.
static int leave_stopped(struct frozen *f, struct error *e) {
  int status = 0;
  if (ptrace(PTRACE_CONT, f->pid, 0, SIGSTOP) < 0 || wait_for_thread(f->pid, false, &status) < 0 ||
      !WIFSTOPPED(status) || status >> 16 != PTRACE_EVENT_STOP) {
    process_end(f);
    return error_set(e, ERROR_FAILED, "the restarted process %d cannot be stopped", f->pid);
  }
  for (size_t i = f->count; i-- > 0;)
    (void)ptrace(PTRACE_DETACH, f->tid[i], 0, 0);
  free(f->tid);
  return 0;
}

int engine_restart(struct engine *g, struct restart *r, struct error *e) {
  struct frozen f;
  if (restart_held(g, r, &f, e) < 0)
    return -1;
  if (r->options.stopped)
    return leave_stopped(&f, e);
  thaw(&f);
  return 0;
}
