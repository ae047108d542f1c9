// SPDX-License-Identifier: EPL-2.0
// What a process tells nobody but itself.
#include "engine/inside.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct inside_reading inside_add_reading(struct batch *b) {
  struct inside_reading r = {.subreaper = batch_data(b, NULL, sizeof(int)), .death = batch_data(b, NULL, sizeof(int))};
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

void inside_take(struct batch *b, const struct inside_reading *r, struct process_state *s) {
  s->has_local_segments = local_segments_are_there(b, r->segments);
  s->brk = (uint64_t)batch_result(b, r->brk);
  take_relatives(b, r, &s->relatives);
  process_settings_take(b, &r->settings, s->attributes.setting);
  interval_timers_take(b, &r->timers, s->timers.interval);
}
