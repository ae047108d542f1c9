// SPDX-License-Identifier: EPL-2.0
// Copying back the pages that have changed since a snapshot.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/tree.h"
#include "proc/maps.h"
#include "proc/memory.h"
#include "proc/pagemap.h"

enum { CHUNK = 65536, COPY_PAGES = 256 };

struct copier {
  struct process_state *s;
  struct executor *x;
  const struct lineage *base;  // of the living process
  int now_pages, then_pages;   // pagemaps
  int now, then;               // memories
  struct mappings living;
  uint64_t *now_words, *then_words;
  unsigned char *buffer, *present;
  bool moved;    // the mapping at hand is not the one that the base had there
  bool compare;  // the kernel cannot tell all changes: compare what may have changed
  struct rewind_report *report;
};

enum action { KEEP, COPY, DROP, COMPARE };

// now\then: a page is absent, of the file, or the program's own.
static enum action action_for(const struct copier *c, uint64_t now, uint64_t then) {
  bool now_own = page_exists(now) && !(now & PAGE_OF_FILE), then_own = page_exists(then) && !(then & PAGE_OF_FILE);
  if (!now_own && !then_own)
    return KEEP;
  if (now_own && !then_own)
    return DROP;
  if (!now_own)
    return COPY;
  // What was moved here is copied even if it is alike: afterwards the mapping counts as the base's own again.
  if ((now & PAGE_EXCLUSIVE) || c->moved)
    return COPY;
  return c->compare || ((now | then) & PAGE_SWAPPED) ? COMPARE : KEEP;
}

static int copy(struct copier *c, uint64_t at, size_t size) {
  int r = fault(FAULT_rewind_pages);
  if (r < 0)
    return r;
  r = fd_pread_all(c->then, c->buffer, size, (off_t)at);
  if (r < 0)
    return r;
  if (pwrite(c->now, c->buffer, size, (off_t)at) != (ssize_t)size)
    return -errno;
  c->report->pages_copied += size / ARCH_PAGE;
  return 0;
}

static int compare(struct copier *c, uint64_t at, size_t size) {
  int r = fd_pread_all(c->now, c->present, size, (off_t)at);
  for (size_t done = 0; r == 0 && done < size; done += ARCH_PAGE) {
    r = fd_pread_all(c->then, c->buffer, ARCH_PAGE, (off_t)(at + done));
    if (r < 0 || memcmp(c->buffer, c->present + done, ARCH_PAGE) == 0)
      continue;
    c->report->pages_copied++;
    r = pwrite(c->now, c->buffer, ARCH_PAGE, (off_t)(at + done)) == ARCH_PAGE ? 0 : -errno;
  }
  return r;
}

// Back to the file's page, or to none. Locked memory refuses; its contents are copied then.
static int drop(struct copier *c, uint64_t at, size_t size, struct error *e) {
  int64_t r = executor_call(c->x, e, SYS_madvise, at, size, MADV_DONTNEED, 0, 0, 0);
  if (r == -EINVAL)
    return copy(c, at, size);
  c->report->pages_dropped += size / ARCH_PAGE;
  return (int)r;
}

static int act(struct copier *c, enum action action, uint64_t at, size_t size, struct error *e) {
  switch (action) {
  case COPY:
    return copy(c, at, size);
  case COMPARE:
    return compare(c, at, size);
  case DROP:
    return drop(c, at, size, e);
  case KEEP:
    break;
  }
  return 0;
}

static int read_words(struct copier *c, const struct mapping *m, uint64_t at, uint64_t end) {
  int r = pagemap_read(c->now_pages, at, end, c->now_words);
  if (r == 0)
    r = pagemap_read(c->then_pages, at, end, c->then_words);
  if (r == 0 && !m->inode && pagemap_mark_zero_pages(c->now_pages, at, end, c->now_words) < 0)
    c->compare = true;
  lineage_mark(c->base, c->s->node, at, end, c->now_words);
  return r;
}

static int put_chunk_back(struct copier *c, const struct mapping *m, uint64_t at, uint64_t end, struct error *e) {
  int r = read_words(c, m, at, end);
  size_t pages = (size_t)((end - at) / ARCH_PAGE);
  for (size_t i = 0, k; r == 0 && i < pages; i = k) {
    enum action action = action_for(c, c->now_words[i], c->then_words[i]);
    size_t most = action == COPY || action == COMPARE ? COPY_PAGES : pages;
    for (k = i + 1; k < pages && k - i < most && action_for(c, c->now_words[k], c->then_words[k]) == action; k++)
      continue;
    r = act(c, action, at + i * ARCH_PAGE, (k - i) * ARCH_PAGE, e);
  }
  return r;
}

static int put_mapping_back(struct copier *c, const struct mapping *m, struct error *e) {
  uint64_t area = executor_area(c->x), area_end = area + EXECUTOR_AREA;
  for (uint64_t at = m->start, end; at < m->end; at = end) {
    end = m->end - at > (uint64_t)CHUNK * ARCH_PAGE ? at + (uint64_t)CHUNK * ARCH_PAGE : m->end;
    if (at >= area && at < area_end) {
      end = area_end < m->end ? area_end : m->end;
      continue;
    }
    if (at < area && end > area)
      end = area;
    const struct mapping *living = mappings_at(&c->living, at);
    if (living && living->end < end)
      end = living->end;
    c->moved = !living || tracking_is_moved(c->now_pages, living);
    int r = put_chunk_back(c, m, at, end, e);
    if (r < 0)
      return error_set_errno(e, r, "cannot put back memory at %#lx of process %d", (unsigned long)at, c->s->pid);
  }
  return 0;
}

static int put_all_back(struct copier *c, uint64_t start, uint64_t end, struct error *e) {
  struct mappings maps;
  int r = template_mappings(c->s, &maps);
  if (r == 0)
    r = mappings_read(c->s->pid, &c->living);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of process %d", c->s->pid);
  for (size_t i = 0; r == 0 && i < maps.count; i++) {
    const struct mapping *m = &maps.item[i];
    if (!m->shared && !mapping_is_special(m) && m->start >= start && m->end <= end)
      r = put_mapping_back(c, m, e);
  }
  mappings_done(&maps);
  mappings_done(&c->living);
  return r;
}

int pages_put_back(struct process_state *s, struct executor *main, uint64_t start, uint64_t end,
                   struct rewind_report *report, struct error *e) {
  const char *method = getenv("SNAPBACK_DIRTY");
  _cleanup_fd_ int now_pages = pagemap_open(s->pid), then_pages = pagemap_open(s->template.pid);
  _cleanup_fd_ int now = memory_open(s->pid, O_RDWR), then = memory_open(s->template.pid, O_RDONLY);
  if (now_pages < 0 || then_pages < 0 || now < 0 || then < 0)
    return error_set(e, ERROR_FAILED, "cannot open the memory of process %d", s->pid);
  _cleanup_free_ uint64_t *words = must_alloc(2 * CHUNK * sizeof *words);
  _cleanup_free_ unsigned char *buffers = must_alloc(2 * COPY_PAGES * ARCH_PAGE);
  struct copier c = {
      .s = s,
      .x = main,
      .base = lineage_base(s->engine, s->pid),
      .now_pages = now_pages,
      .then_pages = then_pages,
      .now = now,
      .then = then,
      .now_words = words,
      .then_words = words + CHUNK,
      .buffer = buffers,
      .present = buffers + COPY_PAGES * ARCH_PAGE,
      .compare = (method && strcmp(method, "compare") == 0) || tracking_merges_pages(s->pid) ||
                 tree_shares_pages(s->engine, s->pid) || !lineage_base(s->engine, s->pid),
      .report = report,
  };
  return put_all_back(&c, start, end, e);
}
