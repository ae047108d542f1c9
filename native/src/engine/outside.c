// SPDX-License-Identifier: EPL-2.0
// Reading what can be seen of held processes from outside.
#include "engine/outside.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "engine/affinity.h"
#include "engine/host.h"
#include "engine/tree.h"
#include "proc/memory.h"
#include "trace/instruction.h"

enum { TOGETHER = 2 };  // so few processes are read sooner than a thread begins

struct view {
  struct seen seen;
  struct error error;
  int result;
  sem_t is_read;
};

struct outside {
  struct process_state *const *list;
  size_t count;
  struct view *view;
  bool has_thread;
  pthread_t thread;
  sem_t knows_sockets;
  atomic_bool is_over;
};

static int read_descriptors(struct process_state *s, struct error *e) {
  const struct engine *g = s->engine;
  if (descriptors_capture(s->pid, g->debugger == s->pid, &g->tree->writers, g->tree->sockets, &s->descriptors, e) < 0)
    return -1;
  host_leave_shared_pipes(s);
  return 0;
}

static int read_pages(struct process_state *s, const struct mappings *maps, struct error *e) {
  int r = fault(FAULT_capture_pages);
  if (r < 0)
    return error_set_errno(e, r, "cannot read which pages of process %d have changed", s->pid);
  s->compares = tree_shares_pages(s->engine, s->pid) || tracking_merges_pages(s->pid);
  return lineage_note(s->node, s->pid, maps, s->compares, e);
}

// Nothing where the vdso does not show as one: whoever makes calls in the process looks for it by itself.
static void find_instruction(struct process_state *s, const struct seen *seen) {
  for (size_t i = 0; seen->memory >= 0 && i < seen->maps.count; i++)
    if (strcmp(seen->maps.item[i].name, "[vdso]") == 0 &&
        instruction_find_in(seen->memory, seen->maps.item[i].start, &s->instruction) < 0)
      s->instruction = 0;
}

static int look_at(struct process_state *s, struct seen *seen, struct error *e) {
  int r = mappings_read(s->pid, &seen->maps);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of process %d", s->pid);
  int memory = memory_open(s->pid, O_RDWR);
  seen->memory = memory < 0 ? -1 : memory;
  find_instruction(s, seen);
  wiped_prepare(s, &seen->maps);
  return read_descriptors(s, e) < 0 || timers_list(s->pid, &s->timers, e) < 0 ||
                 working_directory_capture(s->pid, s->status.umask, &s->directory, e) < 0 ||
                 read_pages(s, &seen->maps, e) < 0
             ? -1
             : 0;
}

static void find_pipe_ends(struct outside *o) {
  for (size_t i = 0; o->count > 1 && i < o->count; i++)
    pipe_ends_add(&o->list[i]->engine->tree->writers, o->list[i]->pid);
}

static void look_at_all(struct outside *o) {
  for (size_t i = 0; i < o->count && !o->is_over; i++) {
    struct process_state *s = o->list[i];
    o->view[i].result = look_at(s, &o->view[i].seen, &o->view[i].error);
    if (o->view[i].result == 0 && o->count > 1)
      file_census_add(&s->engine->tree->files, s->pid, &s->descriptors);
    (void)sem_post(&o->view[i].is_read);
  }
}

static void wait_for(sem_t *event) {
  while (sem_wait(event) < 0)
    continue;
}

static void *run(void *data) {
  struct outside *o = data;
  find_pipe_ends(o);
  wait_for(&o->knows_sockets);
  look_at_all(o);
  return NULL;
}

// Signals are for the engine's thread, and so is its processor. False: there can be no other thread now.
static bool start_thread(struct outside *o) {
  pthread_attr_t attributes;
  cpu_set_t processors;
  sigset_t all, before;
  affinity_others(&processors);
  sigfillset(&all);
  (void)pthread_attr_init(&attributes);
  (void)pthread_attr_setaffinity_np(&attributes, sizeof processors, &processors);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t next = numbers_set_aside(o->list[0]->pid);
  int r = pthread_create(&o->thread, &attributes, run, o);
  numbers_go_on(next);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  (void)pthread_attr_destroy(&attributes);
  return r == 0;
}

struct outside *outside_begin(struct process_state *const *list, size_t count) {
  struct outside *o = must_alloc(sizeof *o);
  *o = (struct outside){.list = list, .count = count, .view = must_alloc((count + 1) * sizeof *o->view)};
  for (size_t i = 0; i < count; i++) {
    o->view[i].seen.memory = -1;
    (void)sem_init(&o->view[i].is_read, 0, 0);
  }
  (void)sem_init(&o->knows_sockets, 0, 0);
  o->has_thread = count > TOGETHER && start_thread(o);
  return o;
}

void outside_go_on(struct outside *o) {
  if (o->has_thread) {
    (void)sem_post(&o->knows_sockets);
  } else {
    find_pipe_ends(o);
    look_at_all(o);
  }
}

int outside_await(struct outside *o, size_t index, struct seen **ret, struct error *e) {
  struct view *v = &o->view[index];
  wait_for(&v->is_read);
  *ret = &v->seen;
  if (v->result < 0)
    *e = v->error;
  return v->result;
}

void outside_end(struct outside *o) {
  o->is_over = true;
  (void)sem_post(&o->knows_sockets);
  if (o->has_thread)
    (void)pthread_join(o->thread, NULL);
  (void)sem_destroy(&o->knows_sockets);
  for (size_t i = 0; i < o->count; i++) {
    if (o->view[i].seen.memory >= 0)
      (void)close(o->view[i].seen.memory);
    mappings_done(&o->view[i].seen.maps);
    (void)sem_destroy(&o->view[i].is_read);
  }
  free(o->view);
  free(o);
}
