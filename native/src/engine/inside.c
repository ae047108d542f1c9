// SPDX-License-Identifier: EPL-2.0
// What processes and threads tell nobody but themselves.
#include "engine/inside.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "kernel/calls.h"
#include "trace/arch/narrow.h"

// ---- of a thread ----

// Each kind of program has a robust list of its own, and only a narrow call tells of a narrow one's.
static size_t add_robust_list(struct batch *b, struct executor *x) {
  size_t head = batch_data(b, NULL, sizeof(uint32_t)), size = batch_data(b, NULL, sizeof(uint32_t));
  if (executor_is_narrow(x))
    (void)CALL(b, executor_own_call(x, SYS_get_robust_list), NUMBER(0), POINTER(head), POINTER(size));
  return head;
}

static void take_robust_list(struct batch *b, struct executor *x, size_t at, struct thread_state *t) {
  uint32_t head;
  if (!executor_is_narrow(x)) {
    (void)kernel_robust_list(t->tid, &t->robust_head, &t->robust_size);
    return;
  }
  memcpy(&head, batch_at(b, at), sizeof head);
  t->robust_head = head;
  t->robust_size = ARCH_NARROW_ROBUST_SIZE;
}

struct own_reading own_add_reading(struct batch *b, struct executor *x) {
  struct own_reading r = {.address = batch_data(b, NULL, 8), .alternate = batch_data(b, NULL, sizeof(stack_t))};
  r.first = CALL(b, SYS_prctl, NUMBER(KERNEL_PR_GET_TID_ADDRESS), POINTER(r.address));
  (void)CALL(b, SYS_sigaltstack, NUMBER(0), POINTER(r.alternate));
  r.settings = thread_settings_add_reading(b);
  r.robust = add_robust_list(b, x);
  return r;
}

void own_take(struct batch *b, const struct own_reading *r, struct executor *x, struct thread_state *t) {
  take_robust_list(b, x, r->robust, t);
  thread_settings_take(b, &r->settings, t->attributes.setting);
  if (batch_result(b, r->first) == 0)
    memcpy(&t->tid_address, batch_at(b, r->address), 8);
  memcpy(&t->alternate, batch_at(b, r->alternate), sizeof t->alternate);
  t->stop_pending = *executor_stop_pending(x);
}

// ---- of a process ----

struct inside_reading inside_add_reading(struct batch *b, struct executor *main) {
  struct inside_reading r = {.own = own_add_reading(b, main)};
  r.subreaper = batch_data(b, NULL, sizeof(int));
  r.death = batch_data(b, NULL, sizeof(int));
  r.brk = CALL(b, SYS_brk, NUMBER(0));
  (void)CALL(b, SYS_prctl, NUMBER(PR_GET_CHILD_SUBREAPER), POINTER(r.subreaper), NUMBER(0), NUMBER(0), NUMBER(0));
  (void)CALL(b, SYS_prctl, NUMBER(PR_GET_PDEATHSIG), POINTER(r.death), NUMBER(0), NUMBER(0), NUMBER(0));
  r.settings = process_settings_add_reading(b);
  r.segments = local_segments_add_probe(b);
  r.timers = interval_timers_add_reading(b);
  return r;
}

static void take_relatives(struct batch *b, const struct inside_reading *r, struct relatives *ret) {
  int reaper, signal;
  memcpy(&reaper, batch_at(b, r->subreaper), sizeof reaper);
  memcpy(&signal, batch_at(b, r->death), sizeof signal);
  *ret = (struct relatives){.subreaper = reaper, .parent_death_signal = signal};
}

void inside_take(struct batch *b, const struct inside_reading *r, struct executor *main, struct process_state *s) {
  own_take(b, &r->own, main, &s->thread[0]);
  s->has_local_segments = local_segments_are_there(b, r->segments);
  s->brk = (uint64_t)batch_result(b, r->brk);
  take_relatives(b, r, &s->relatives);
  process_settings_take(b, &r->settings, s->attributes.setting);
  interval_timers_take(b, &r->timers, s->timers.interval);
}
