// SPDX-License-Identifier: EPL-2.0
// How mappings were made and what has been advised for them. The kernel walks all their pages to tell it, so it is read
// by a thread of its own, while pages are looked at and written.
#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/save_state.h"
#include "proc/map_flags.h"

struct flags_reading {
  struct process_state *const *list;
  size_t count;
  Snapback__Image__Image *image;
  pthread_t thread;
  struct error error;
  bool failed;
};

static void describe_flags(Snapback__Image__Mapping *mapping, const struct map_flags *flags) {
  if (!flags || mapping->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_SYSTEM_V)
    return;
  mapping->flags = (uint32_t)flags->flags;
  for (size_t i = 0; i < flags->advices; i++)
    APPEND(mapping->advice, mapping->n_advice, (uint32_t)flags->advice[i]);
}

static int describe_process(const struct process_state *s, Snapback__Image__Process *p, struct error *e) {
  _cleanup_free_ struct map_flags *flags = NULL;
  size_t count = 0;
  int r = map_flags_read(s->template.pid, &flags, &count);
  if (r < 0)
    return error_set_errno(e, r, "cannot read how the mappings of process %d were made", s->pid);
  for (size_t i = 0; i < p->n_mapping; i++)
    describe_flags(p->mapping[i], map_flags_at(flags, count, p->mapping[i]->start));
  return 0;
}

static void *read_all(void *data) {
  struct flags_reading *f = data;
  for (size_t i = 0; !f->failed && i < f->count; i++)
    f->failed = describe_process(f->list[i], f->image->process[i], &f->error) < 0;
  return NULL;
}

int save_flags_begin(struct process_state *const *list, size_t count, Snapback__Image__Image *image,
                     struct flags_reading **ret, struct error *e) {
  struct flags_reading *f = must_alloc(sizeof *f);
  *f = (struct flags_reading){.list = list, .count = count, .image = image};
  int r = pthread_create(&f->thread, NULL, read_all, f);
  if (r != 0) {
    free(f);
    return error_set_errno(e, -r, "cannot start a thread of the process that saves the snapshot");
  }
  *ret = f;
  return 0;
}

int save_flags_end(struct flags_reading **reading, struct error *e) {
  _cleanup_free_ struct flags_reading *f = pointer_take(*reading);
  if (!f)
    return 0;
  (void)pthread_join(f->thread, NULL);
  if (f->failed)
    *e = f->error;
  return f->failed ? -1 : 0;
}
