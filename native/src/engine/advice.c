// SPDX-License-Identifier: EPL-2.0
// What a program has advised for its mappings (madvise), put back; a template's mappings show what it was.
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/memory.h"
#include "engine/state.h"
#include "proc/map_flags.h"

// Advice that is taken back first, whatever there is. What a mapping cannot have it refuses. Huge pages, once wanted or
// not, can only be wanted or not.
static const int resets[] = {MADV_NORMAL, MADV_DOFORK, MADV_DODUMP, MADV_KEEPONFORK, MADV_UNMERGEABLE};

enum { RESETS = sizeof resets / sizeof *resets, CALLS = RESETS + MAP_ADVICE_MAX };

const struct map_flags *flags_then(struct process_state *s, uint64_t address) {
  if (!s->flags && s->template.pid)
    (void)map_flags_read(s->template.pid, &s->flags, &s->flags_count);
  return map_flags_at(s->flags, s->flags_count, address);
}

static void add_advice(struct batch *b, const struct mapping *m, int advice) {
  (void)CALL(b, SYS_madvise, NUMBER(m->start), NUMBER(m->end - m->start), NUMBER(advice));
}

static void add_mapping(struct batch *b, const struct mapping *m, const struct map_flags *flags) {
  for (size_t i = 0; i < RESETS; i++)
    add_advice(b, m, resets[i]);
  for (size_t i = 0; flags && i < flags->advices; i++)
    add_advice(b, m, flags->advice[i]);
}

int advice_put_back(struct process_state *s, struct executor *main, struct error *e) {
  struct mappings maps;
  int r = template_mappings(s, &maps);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of template %d", s->template.pid);
  struct batch *b = batch_new();
  for (size_t i = 0; r == 0 && i < maps.count; i++) {
    const struct mapping *m = &maps.item[i];
    if (!mapping_is_special(m) && !mapping_is_system_v(m) && m->start < arch_user_end)
      add_mapping(b, m, flags_then(s, m->start));
    if (batch_has_room(b, CALLS, 0) && i + 1 < maps.count)
      continue;
    r = executor_run(main, b, e);
    batch_clear(b);
  }
  batch_free(b);
  mappings_done(&maps);
  return r;
}
