// SPDX-License-Identifier: EPL-2.0
// Memory that is empty in a program's clones (MADV_WIPEONFORK): keys and random numbers, which no child is to share.
//
// A mapping of which the clone has not got the first page is one. Only then are the flags of all mappings read, which
// takes as long as to walk through all pages.
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/state.h"
#include "proc/map_flags.h"
#include "proc/pagemap.h"

static bool is_of_interest(const struct mapping *m) {
  return !m->shared && !m->inode && !mapping_is_special(m) && m->start < arch_user_end && (m->protection & PROT_READ);
}

// Of each mapping that may be one, the first page; where it cannot be told, it is looked at closer.
void wiped_prepare(struct process_state *s, const struct mappings *maps) {
  _cleanup_fd_ int pagemap = pagemap_open(s->pid);
  size_t capacity = 0;
  for (size_t i = 0; i < maps->count; i++) {
    const struct mapping *m = &maps->item[i];
    uint64_t page = 0;
    int r = is_of_interest(m) ? pagemap_first(pagemap, m->start, m->end, &page) : 0;
    if (r == 0)
      continue;
    array_reserve(s->probe, s->probes, capacity);
    s->probe[s->probes++] = (struct page_probe){.mapping = m->start, .page = page, .is_unknown = r < 0};
  }
}

static bool may_be_wiped(int of_clone, const struct page_probe *p) {
  uint64_t word;
  return p->is_unknown || pagemap_read(of_clone, p->page, p->page + ARCH_PAGE, &word) < 0 || !page_exists(word);
}

// Such a mapping the first clone has not got at all; it is looked at when a second one has it.
static bool is_kept_out(const struct process_state *s, uint64_t mapping) {
  for (size_t i = 0; i < s->kept_out_count; i++)
    if (s->kept_out[i].start == mapping)
      return true;
  return false;
}

static bool is_wiped(const struct map_flags *flags) {
  for (size_t i = 0; flags && i < flags->advices; i++)
    if (flags->advice[i] == MADV_WIPEONFORK)
      return true;
  return false;
}

static int list_wiped(struct process_state *s, const struct mappings *maps, struct error *e) {
  _cleanup_free_ struct map_flags *flags = NULL;
  size_t count = 0, capacity = 0;
  int r = map_flags_read(s->pid, &flags, &count);
  if (r < 0)
    return error_set_errno(e, r, "cannot read how the mappings of process %d were made", s->pid);
  for (size_t i = 0; i < maps->count; i++) {
    const struct mapping *m = &maps->item[i];
    if (!is_wiped(map_flags_at(flags, count, m->start)))
      continue;
    array_reserve(s->wiped, s->wiped_count, capacity);
    s->wiped[s->wiped_count++] = (struct page_range){m->start, m->end};
  }
  return 0;
}

int wiped_find(struct process_state *s, bool is_first, const struct mappings *maps, struct error *e) {
  _cleanup_fd_ int of_clone = pagemap_open(s->template.pid);
  for (size_t i = 0; i < s->probes; i++)
    if (!(is_first && is_kept_out(s, s->probe[i].mapping)) && may_be_wiped(of_clone, &s->probe[i]))
      return list_wiped(s, maps, e);
  return 0;
}

static int advise_all(const struct process_state *s, struct executor *main, int advice, struct error *e) {
  for (size_t i = 0; i < s->wiped_count; i++) {
    uint64_t start = s->wiped[i].start, size = s->wiped[i].end - start;
    // Memory that may be dropped at any time cannot be kept; nobody counts on what is in it.
    if (executor_call(main, e, SYS_madvise, start, size, (uint64_t)advice, 0, 0, 0) == -EIO)
      return -1;
  }
  return 0;
}

int wiped_keep(const struct process_state *s, struct executor *main, struct error *e) {
  return advise_all(s, main, MADV_KEEPONFORK, e);
}

int wiped_restore(const struct process_state *s, struct executor *main, struct error *e) {
  return advise_all(s, main, MADV_WIPEONFORK, e);
}
