// SPDX-License-Identifier: EPL-2.0
// Who traces whom, in an image.
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#include "base/memory.h"
#include "engine/restart_state.h"
#include "engine/save_state.h"

_Static_assert((int)TRACING_LISTENS == (int)SNAPBACK__IMAGE__TRACING_STOP__TRACING_STOP_LISTENING, "the same stops");

static ProtobufCBinaryData copy_of(const void *data, size_t size) {
  ProtobufCBinaryData copy = {.len = size, .data = must_alloc(size)};
  memcpy(copy.data, data, size);
  return copy;
}

static Snapback__Image__Tracing *describe(const struct tracing *k) {
  Snapback__Image__Tracing *to = NEW(Tracing, TRACING);
  to->tracer_process = k->tracer_pid;
  to->tracer = k->tracer;
  to->process = k->pid;
  to->thread = k->tid;
  to->seized = k->is_seized;
  to->options = k->options;
  to->request = k->request;
  to->stop = (Snapback__Image__TracingStop)k->stop;
  to->told = k->is_told;
  to->registers = copy_of(&k->registers, sizeof k->registers);
  to->signal_info = copy_of(&k->info, sizeof k->info);
  to->debug = copy_of(k->debug, sizeof k->debug);
  return to;
}

void save_describe_tracings(Snapback__Image__Image *image, const struct process_state *s) {
  const struct engine *g = s->engine;
  for (size_t i = 0; i < g->snapshots; i++) {
    const struct snapshot *whole = g->snapshot[i];
    for (size_t k = 0; k < whole->processes; k++)
      for (size_t n = 0; whole->process[k] == s && n < whole->tracings.count; n++)
        APPEND(image->tracing, image->n_tracing, describe(&whole->tracings.item[n]));
  }
}

static bool is_request(int64_t request) {
  return request == PTRACE_CONT || request == PTRACE_SYSCALL || request == PTRACE_SINGLESTEP;
}

static int recreate(const Snapback__Image__Tracing *from, struct tracing *to, struct error *e) {
  *to = (struct tracing){.tracer_pid = from->tracer_process,
                         .tracer = from->tracer,
                         .pid = from->process,
                         .tid = from->thread,
                         .is_seized = from->seized,
                         .options = from->options,
                         .request = from->request,
                         .stop = (enum tracing_stop)from->stop,
                         .is_told = from->told};
  if (from->registers.len != sizeof to->registers || from->debug.len != sizeof to->debug ||
      from->signal_info.len != sizeof to->info || !is_request(from->request))
    return error_set(e, ERROR_REFUSED, "the image tells of a tracer (process %d) what cannot be made again here",
                     to->tracer_pid);
  memcpy(to->debug, from->debug.data, sizeof to->debug);
  memcpy(&to->registers, from->registers.data, sizeof to->registers);
  memcpy(&to->info, from->signal_info.data, sizeof to->info);
  return 0;
}

int restart_read_tracings(const struct restart_tree *t, struct tracings *ret, struct error *e) {
  const Snapback__Image__Image *m = t->item[0].metadata;
  for (size_t i = 0; i < m->n_tracing; i++) {
    array_reserve(ret->item, ret->count, ret->capacity);
    if (recreate(m->tracing[i], &ret->item[ret->count], e) < 0)
      return -1;
    ret->count++;
  }
  return 0;
}

int restart_check_tracings(const struct restart_tree *t, struct error *e) {
  struct tracings ignored = {0};
  int r = restart_read_tracings(t, &ignored, e);
  tracings_done(&ignored);
  if (r == 0 && t->item[0].metadata->n_tracing && t->item[0].options.stopped)
    r = error_set(e, ERROR_REFUSED,
                  "process %d of the image traces others, and cannot be left stopped: restart it without --stopped",
                  t->item[0].metadata->tracing[0]->tracer_process);
  return r;
}

int restart_put_tracings_back(const struct restart_tree *t, struct error *e) {
  struct tracings l = {0};
  if (restart_read_tracings(t, &l, e) == 0)
    return tracings_give_back(&l, NULL, 0, e);
  tracings_done(&l);
  return -1;
}
