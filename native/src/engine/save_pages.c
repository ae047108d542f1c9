// SPDX-License-Identifier: EPL-2.0
// Which pages of a process go into an image: those that are its own; and of those, which an older image has already.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/save_state.h"
#include "proc/memory.h"
#include "proc/pagemap.h"

enum { CHUNK = 65536 };  // pages looked at together

enum fate { LEAVE, STORE, REFER };

struct looking {
  struct pages_plan *plan;
  int pagemap;
  uint64_t *words;    // of the pages of the template
  uint64_t *changed;  // exclusive: it may differ from the page of the parent image
  struct twins *twins;
  const struct image_extent *extent;  // of the parent
  size_t extents;
};

// ---- one mapping ----

// A page that was never written shows the kernel's page of zeroes, which needs not be stored where there is no file.
static int read_words(struct looking *l, const struct mapping *m, uint64_t at, uint64_t end) {
  size_t pages = (size_t)((end - at) / ARCH_PAGE);
  int r = pagemap_read(l->pagemap, at, end, l->words);
  for (size_t i = 0; r == 0 && i < pages; i++)
    l->words[i] &= ~PAGE_EXCLUSIVE;
  if (r == 0 && !m->inode)
    (void)pagemap_mark_zero_pages(l->pagemap, at, end, l->words);
  memset(l->changed, 0, pages * sizeof *l->changed);
  if (l->plan->parent)
    lineage_mark(l->plan->parent_node->node, l->plan->s->node, at, end, l->changed);
  return r;
}

static enum fate fate_of(const struct looking *l, size_t i, bool file_is_gone) {
  bool own = page_exists(l->words[i]) && !(l->words[i] & (PAGE_OF_FILE | PAGE_EXCLUSIVE));
  if (!own)
    return file_is_gone ? STORE : LEAVE;
  return l->plan->parent && !(l->changed[i] & PAGE_EXCLUSIVE) ? REFER : STORE;
}

// What the parent does not hold in [at, end) is stored all the same.
static int refer(struct looking *l, uint64_t at, uint64_t end, struct error *e) {
  struct pages_plan *p = l->plan;
  for (size_t i = extents_search(l->extent, l->extents, at); at < end; i++) {
    uint64_t start = i < l->extents && l->extent[i].start < end ? l->extent[i].start : end;
    if (at < start)
      image_writer_add(p->writer, p->process->space, at, start);
    at = at < start ? start : at;
    if (at == end)
      break;
    uint64_t stop = l->extent[i].end < end ? l->extent[i].end : end;
    if (image_writer_refer(p->writer, p->process->space, at, stop, p->parent, e) < 0)
      return -1;
    at = stop;
  }
  return 0;
}

static int plan_chunk(struct looking *l, uint64_t at, uint64_t end, bool file_is_gone, struct error *e) {
  size_t pages = (size_t)((end - at) / ARCH_PAGE);
  int r = 0;
  for (size_t i = 0, k; r == 0 && i < pages; i = k) {
    enum fate fate = fate_of(l, i, file_is_gone);
    for (k = i + 1; k < pages && fate_of(l, k, file_is_gone) == fate; k++)
      continue;
    uint64_t start = at + i * ARCH_PAGE, stop = at + k * ARCH_PAGE;
    if (fate == STORE && l->twins)
      r = twins_store(l->twins, start, stop, e);
    else if (fate == STORE)
      image_writer_add(l->plan->writer, l->plan->process->space, start, stop);
    else if (fate == REFER)
      r = refer(l, start, stop, e);
    l->plan->bytes += fate == LEAVE ? 0 : stop - start;
  }
  return r;
}

static int plan_mapping(struct looking *l, const struct mapping *m, bool file_is_gone, struct error *e) {
  for (uint64_t at = m->start, end; at < m->end; at = end) {
    end = m->end - at > (uint64_t)CHUNK * ARCH_PAGE ? at + (uint64_t)CHUNK * ARCH_PAGE : m->end;
    int r = read_words(l, m, at, end);
    if (r < 0)
      return error_set_errno(e, r, "cannot read which pages at %#lx belong to process %d", (unsigned long)at,
                             l->plan->s->pid);
    if (plan_chunk(l, at, end, file_is_gone, e) < 0)
      return -1;
  }
  return 0;
}

// ---- all of them ----

static int plan_all(struct looking *l, const struct mappings *maps, struct error *e) {
  int r = 0;
  for (size_t i = 0; r == 0 && i < maps->count; i++) {
    const struct mapping *m = &maps->item[i];
    const Snapback__Image__Mapping *described = l->plan->process->mapping[i];
    // A private mapping of a file that is not there any more: its pages are the only copy.
    bool file_is_gone = described->file && described->file->deleted && !described->shared_object;
    if (m->shared || mapping_is_special(m) || m->start >= arch_user_end)
      continue;
    if (file_is_gone)
      APPEND(l->plan->source.gone, l->plan->source.gones, ((struct page_range){m->start, m->end}));
    r = plan_mapping(l, m, file_is_gone, e);
  }
  return r;
}

int save_pages(struct pages_plan *p, struct error *e) {
  struct mappings maps;
  p->source = (struct pages_source){.s = p->s, .memory = memory_open(p->s->template.pid, O_RDONLY)};
  _cleanup_fd_ int pagemap = pagemap_open(p->s->template.pid);
  int r = p->source.memory < 0 ? p->source.memory : pagemap < 0 ? pagemap : template_mappings(p->s, &maps);
  if (r < 0)
    return error_set_errno(e, r, "cannot read which pages belong to process %d", p->s->pid);
  if (maps.count != p->process->n_mapping) {
    mappings_done(&maps);
    return error_set(e, ERROR_FAILED, "the template of process %d has changed while it was saved", p->s->pid);
  }
  _cleanup_free_ uint64_t *words = must_alloc(CHUNK * sizeof *words), *changed = must_alloc(CHUNK * sizeof *changed);
  struct looking l = {.plan = p, .pagemap = pagemap, .words = words, .changed = changed};
  if (p->parent)
    l.extent = image_extents(p->parent, p->parent_node->space, &l.extents);
  l.twins = twins_new(p);
  r = plan_all(&l, &maps, e);
  twins_free(l.twins);
  mappings_done(&maps);
  return r;
}

// ---- reading ----

// No image carries a debugger's breakpoint.
static void remove_breakpoints(const struct process_state *s, uint64_t address, unsigned char *bytes, size_t size) {
  for (size_t i = 0; i < s->breakpoints; i++)
    for (size_t k = 0; k < ARCH_BREAKPOINT; k++) {
      uint64_t at = s->breakpoint[i].address + k;
      if (at >= address && at - address < size)
        bytes[at - address] = s->breakpoint[i].original[k];
    }
}

// Behind the end of a file that is gone there is nothing to be read, only a page that is mapped.
static int read_singly(const struct pages_source *source, uint64_t address, unsigned char *bytes, size_t size) {
  for (size_t done = 0; done < size; done += ARCH_PAGE) {
    if (fd_pread_all(source->memory, bytes + done, ARCH_PAGE, (off_t)(address + done)) < 0)
      memset(bytes + done, 0, ARCH_PAGE);
  }
  return 0;
}

static bool is_of_gone_file(const struct pages_source *source, uint64_t address) {
  for (size_t i = 0; i < source->gones; i++)
    if (address >= source->gone[i].start && address < source->gone[i].end)
      return true;
  return false;
}

int save_read_pages(void *data, uint64_t address, void *bytes, size_t size) {
  const struct pages_source *source = data;
  int r = fault(FAULT_save_memory);
  if (r < 0)
    return r;
  r = fd_pread_all(source->memory, bytes, size, (off_t)address);
  if (r == -EIO && is_of_gone_file(source, address))
    r = read_singly(source, address, bytes, size);
  if (r == 0)
    remove_breakpoints(source->s, address, bytes, size);
  return r;
}

void pages_plan_done(struct pages_plan *p) {
  free(p->source.gone);
  cleanup_fd(&p->source.memory);
}
