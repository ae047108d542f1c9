// SPDX-License-Identifier: EPL-2.0
// A rewind of what a debugger traces without its notice: it has been put back itself.
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "engine/debugged_state.h"
#include "engine/tree.h"

static int set_debug_registers(struct debugged *d, const struct thread_state *t, struct error *e) {
  struct batch *b = batch_new();
  const int last = ARCH_DEBUG_REGISTERS - 1;
  size_t info = batch_data(b, &t->info, sizeof t->info);
  (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_POKEUSER), NUMBER(t->tid), NUMBER(arch_debug_offset[last]), NUMBER(0));
  for (int i = 0; i <= last; i++)
    (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_POKEUSER), NUMBER(t->tid), NUMBER(arch_debug_offset[i]),
               NUMBER(t->debug[i]));
  if (t->has_info)
    (void)CALL(b, SYS_ptrace, NUMBER(PTRACE_SETSIGINFO), NUMBER(t->tid), NUMBER(0), POINTER(info));
  int r = executor_run(d->proxy, b, e);
  batch_free(b);
  return r;
}

// In the state in which the debugger knew its threads.
static int finish(struct debugged *d, const struct snapshot *whole, struct error *e) {
  int r = debugged_close_mains(d, false, e);
  for (size_t i = 0; r == 0 && i < whole->processes; i++) {
    struct process_state *s = whole->process[i];
    struct inferior *p = inferior_find(d->inferior, d->count, s->pid);
    r = p ? set_threads(&p->frozen, s, e) : 0;
    for (size_t k = 0; r == 0 && p && k < s->threads; k++)
      r = set_debug_registers(d, &s->thread[k], e);
  }
  return r;
}

static int refuse_changed(struct error *e) {
  return error_set(e, ERROR_REFUSED,
                   "the program has ended or been started anew since: rewind without --with-debugger first");
}

int debugged_plan_untold(struct debugged *d, struct snapshot *whole, struct error *e) {
  if (debugged_require_stopped(d, e) < 0)
    return -1;
  int r = debugged_holds_all(d, whole) ? tree_plan_around(d->engine, whole, d->inferior, d->count, e) : 1;
  return r > 0 ? refuse_changed(e) : r;
}

int debugged_rewind_untold(struct debugged *d, struct snapshot *whole, struct rewind_report *report, struct error *e) {
  uint64_t since = now_us();
  *report = (struct rewind_report){0};
  for (size_t i = 0; i < d->count; i++)
    d->inferior[i].frozen.untold = true;
  if (debugged_require_stopped(d, e) < 0)
    return -1;
  int r = tree_rewind_around(d->engine, whole, d->inferior, d->count, report, e);
  if (r == 0)
    r = finish(d, whole, e) < 0 ? -2 : 0;
  engine_tell_shortfalls(d->engine, report);
  report->duration_us = now_us() - since;
  return r > 0 ? refuse_changed(e) : r;
}
