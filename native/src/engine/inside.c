// SPDX-License-Identifier: EPL-2.0
// What a process tells nobody but itself, asked for in one go: each batch of calls costs two switches.
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "engine/state.h"

static void take_relatives(struct batch *b, size_t subreaper, size_t death, struct relatives *ret) {
  int reaper, signal;
  memcpy(&reaper, batch_at(b, subreaper), sizeof reaper);
  memcpy(&signal, batch_at(b, death), sizeof signal);
  *ret = (struct relatives){.subreaper = reaper, .parent_death_signal = signal};
}

int inside_capture(struct process_state *s, struct executor *main, struct error *e) {
  struct batch *b = batch_new();
  size_t subreaper = batch_data(b, NULL, sizeof(int)), death = batch_data(b, NULL, sizeof(int));
  unsigned brk = CALL(b, SYS_brk, NUMBER(0));
  (void)CALL(b, SYS_prctl, NUMBER(PR_GET_CHILD_SUBREAPER), POINTER(subreaper), NUMBER(0), NUMBER(0), NUMBER(0));
  (void)CALL(b, SYS_prctl, NUMBER(PR_GET_PDEATHSIG), POINTER(death), NUMBER(0), NUMBER(0), NUMBER(0));
  struct settings_reading settings = process_settings_add_reading(b);
  unsigned segments = local_segments_add_probe(b);
  int r = executor_run(main, b, e);
  if (r == 0) {
    s->has_local_segments = local_segments_are_there(b, segments);
    s->brk = (uint64_t)batch_result(b, brk);
    take_relatives(b, subreaper, death, &s->relatives);
    process_settings_take(b, &settings, s->attributes.setting);
  }
  batch_free(b);
  return r;
}
