// SPDX-License-Identifier: EPL-2.0
// Memory that a program keeps out of its clones (MADV_DONTFORK): V8 does so with its code.
//
// Only the clone shows which mappings those are. They are opened for a second clone, and closed again behind it.
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/memory.h"
#include "engine/state.h"
#include "proc/maps.h"

static bool has_all(const struct process_state *s, const struct mappings *maps) {
  uint64_t pages = 0;
  for (size_t i = 0; i < maps->count && maps->item[i].start < arch_user_end; i++)
    pages += (maps->item[i].end - maps->item[i].start) / ARCH_PAGE;
  return mappings_pages(s->template.pid) == pages + EXECUTOR_AREA / ARCH_PAGE;
}

static int find_missing(struct process_state *s, const struct mappings *maps, struct error *e) {
  struct mappings copy;
  size_t capacity = 0;
  if (has_all(s, maps))
    return 0;
  int r = mappings_read(s->template.pid, &copy);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of template %d", s->template.pid);
  for (size_t i = 0; i < maps->count; i++) {
    const struct mapping *m = &maps->item[i];
    if (mapping_is_special(m) || m->start >= arch_user_end || mappings_at(&copy, m->start))
      continue;
    array_reserve(s->kept_out, s->kept_out_count, capacity);
    s->kept_out[s->kept_out_count++] = (struct page_range){m->start, m->end};
  }
  mappings_done(&copy);
  return 0;
}

static int advise_all(struct process_state *s, struct executor *main, int advice, struct error *e) {
  for (size_t i = 0; i < s->kept_out_count; i++) {
    uint64_t start = s->kept_out[i].start, size = s->kept_out[i].end - start;
    int64_t r = executor_call(main, e, SYS_madvise, start, size, (uint64_t)advice, 0, 0, 0);
    if (r < 0)
      return error_set(e, ERROR_REFUSED,
                       "process %d has memory at %#lx that cannot be cloned (of a device, say), which snapshots cannot "
                       "hold yet: unmap it, or take the snapshot before it is mapped",
                       s->pid, (unsigned long)start);
  }
  return 0;
}

int kept_out_restore(struct process_state *s, struct executor *main, struct error *e) {
  return advise_all(s, main, MADV_DONTFORK, e);
}

static int make(struct frozen *f, struct executor *main, struct batch *first, enum template_kind kind,
                struct process_state *s, struct error *e) {
  if (template_make(main, first, kind, &s->template, e) < 0)
    return -1;
  return f->tracer == executor_self() ? 0 : template_take_over(&s->template, f->tracer, s->instruction, e);
}

// All that the first clone lacks is open now. What is both kept out and wiped shows itself only here.
static int make_again(struct frozen *f, struct executor *main, enum template_kind kind, const struct mappings *maps,
                      struct process_state *s, struct error *e) {
  bool knows_wiped = s->wiped_count;
  template_end(s->engine, &s->template);
  if (make(f, main, NULL, kind, s, e) < 0 || (!knows_wiped && wiped_find(s, false, maps, e) < 0))
    return -1;
  if (knows_wiped || !s->wiped_count)
    return 0;
  template_end(s->engine, &s->template);
  return wiped_keep(s, main, e) < 0 ? -1 : make(f, main, NULL, kind, s, e);
}

int template_make_whole(struct frozen *f, struct executor *main, struct batch *first, enum template_kind kind,
                        const struct mappings *maps, struct process_state *s, struct error *e) {
  if (make(f, main, first, kind, s, e) < 0 || find_missing(s, maps, e) < 0 || wiped_find(s, true, maps, e) < 0)
    return -1;
  if (!s->kept_out_count && !s->wiped_count)
    return 0;
  int r = advise_all(s, main, MADV_DOFORK, e) < 0 ? -1 : wiped_keep(s, main, e);
  if (r == 0)
    r = make_again(f, main, kind, maps, s, e);
  return kept_out_restore(s, main, e) < 0 || wiped_restore(s, main, e) < 0 ? -1 : r;
}
