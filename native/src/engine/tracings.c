// SPDX-License-Identifier: EPL-2.0
// All that the tracers of a session trace: taken over when it is held, given back before it goes on.
#include "engine/tracings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/tree.h"
#include "proc/status.h"
#include "trace/executor.h"

void tracings_copy(const struct tracings *from, struct tracings *to) {
  tracings_done(to);
  for (size_t i = 0; i < from->count; i++) {
    array_reserve(to->item, to->count, to->capacity);
    to->item[to->count++] = from->item[i];
  }
}

void tracings_done(struct tracings *l) {
  free(l->item);
  *l = (struct tracings){0};
}

bool tracings_have(const struct tracings *l, pid_t tid) {
  for (size_t i = 0; i < l->count; i++)
    if (l->item[i].tid == tid)
      return true;
  return false;
}

// ---- in the tracer's thread ----

// The SIGCHLD of stops that we have asked for is left to the tracer, which looks, finds nothing, and goes on: to drop
// one could drop one that tells of a real stop.
struct proxy {
  const struct inferior *inferior;  // that a debugger holds, and that may be tracers
  size_t inferiors;
  struct executor *x;
  pid_t tracer;
};

static int proxy_close(struct proxy *p, struct error *e) {
  int r = executor_close(p->x, e);
  *p = (struct proxy){.inferior = p->inferior, .inferiors = p->inferiors};
  return r;
}

static int proxy_open(struct proxy *p, const struct tracing *k, struct error *e) {
  if (p->x && p->tracer == k->tracer)
    return 0;
  if (p->x && proxy_close(p, e) < 0)
    return -1;
  p->tracer = k->tracer;
  const struct frozen *debugged = inferior_threads(p->inferior, p->inferiors, k->tracer_pid);
  return executor_open(debugged ? debugged->tracer : executor_self(), k->tracer_pid, k->tracer, NULL, &p->x, e);
}

// ---- taking ----

enum { NOT_NOW = 1 };

static int find_tracer(const struct tree *t, struct tracing *k) {
  struct process_status s;
  if (status_read(k->tracer, &s) < 0)
    return NOT_NOW;
  k->tracer_pid = s.tgid;
  const struct member *m = tree_find(t, s.tgid);
  const struct frozen *f = inferior_threads(t->inferior, t->inferiors, s.tgid);
  if (!f)
    f = m ? &m->frozen : NULL;
  return f && frozen_holds(f, k->tracer) ? 0 : NOT_NOW;
}

// A tracer asks the same of all that it traces. NULL: it is not known yet.
static struct known_tracer *find_known(const struct tree *t, const struct tracing *k) {
  for (size_t i = 0; i < t->tracers->count; i++)
    if (t->tracers->item[i].tracer == k->tracer && t->tracers->item[i].start == tree_find(t, k->tracer_pid)->start)
      return &t->tracers->item[i];
  return NULL;
}

static struct known_tracer *remember(struct tree *t, const struct tracing *k) {
  struct known_tracers *l = t->tracers;
  struct known_tracer *known = find_known(t, k);
  if (!known) {
    array_reserve(l->item, l->count, l->capacity);
    known = &l->item[l->count++];
    *known = (struct known_tracer){.tracer = k->tracer,
                                   .start = tree_find(t, k->tracer_pid)->start,
                                   .options = k->options,
                                   .is_seized = k->is_seized};
  }
  if (k->request == PTRACE_SYSCALL)
    known->request = k->request;
  return known;
}

// How a thread was let go shows where it meets a system call; else it is taken to be as with others.
static long guess_request(const struct known_tracer *known) {
  return known->request ? known->request : known->is_seized ? PTRACE_SYSCALL : PTRACE_CONT;
}

static int take(struct tree *t, struct proxy *p, struct tracing *k, struct error *e) {
  int r = find_tracer(t, k);
  if (r == 0)
    r = proxy_open(p, k, e);
  if (r != 0)
    return r;
  const struct known_tracer *known = find_known(t, k);
  k->options = known ? known->options : 0;
  k->is_seized = known && known->is_seized;
  r = tracing_take(p->x, k, e);
  if (r != 0)
    return r;
  known = remember(t, k);
  k->request = k->request ? k->request : guess_request(known);
  array_reserve(t->tracings.item, t->tracings.count, t->tracings.capacity);
  t->tracings.item[t->tracings.count++] = *k;
  return 0;
}

// 0, `*ret_again`: some were taken, there may be new ones.
static int take_all(struct tree *t, struct proxy *p, pid_t pid, bool *ret_again, struct error *e) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count;
  *ret_again = false;
  if (thread_list(pid, &list, &count) < 0)
    return 0;
  for (size_t i = 0; i < count; i++) {
    struct process_status s;
    if (status_read_thread(pid, list[i], &s) < 0 || !s.tracer || s.tracer == getpid())
      continue;
    struct tracing k = {.tracer = s.tracer, .pid = pid, .tid = list[i]};
    int r = take(t, p, &k, e);
    if (r != 0)
      return r;
    *ret_again = true;
  }
  return 0;
}

int tracings_take(struct tree *t, pid_t pid, struct error *e) {
  struct proxy p = {.inferior = t->inferior, .inferiors = t->inferiors};
  struct error ignored = {0};
  bool again = true;
  int r = 0;
  while (r == 0 && again)
    r = take_all(t, &p, pid, &again, e);
  if (proxy_close(&p, r ? &ignored : e) < 0)
    r = -1;
  return r;
}

// ---- giving back ----

int tracings_give_back(struct tracings *l, const struct inferior *inferior, size_t inferiors, struct error *e) {
  struct proxy p = {.inferior = inferior, .inferiors = inferiors};
  struct error ignored = {0};
  int result = 0;
  for (size_t i = l->count; i-- > 0;) {
    struct tracing *k = &l->item[i];
    if (proxy_open(&p, k, e) < 0 || tracing_give_back(p.x, k, e) < 0)
      result = -1;
  }
  if (proxy_close(&p, result < 0 ? &ignored : e) < 0)
    result = -1;
  tracings_done(l);
  return result;
}
