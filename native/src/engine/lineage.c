// SPDX-License-Identifier: EPL-2.0
// The line of snapshots of a process: which pages changed from one to the next.
//
// A page of the living process that is not mapped exclusively is identical to the page of its base snapshot.
// So the exclusive pages, noted when a snapshot is taken, are all that can differ from its base; and between
// any two snapshots only what is noted along the path between them.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/state.h"
#include "proc/maps.h"
#include "proc/pagemap.h"
#include "proc/status.h"

enum { CHUNK = 65536 };  // pages looked at together

struct lineage *lineage_base(const struct engine *g, pid_t pid) {
  for (size_t i = 0; i < g->lines; i++)
    if (g->line[i].pid == pid)
      return g->line[i].base;
  return NULL;
}

// What marks the mappings of a process that has ended marks nothing.
static void let_markers_go(struct engine *g) {
  for (size_t i = 0; i < g->lines; i++)
    if (g->line[i].marker >= 0 && kill(g->line[i].pid, 0) < 0 && errno == ESRCH)
      tracking_forget(&g->line[i]);
}

struct line *lineage_line(struct engine *g, pid_t pid) {
  for (size_t i = 0; i < g->lines; i++)
    if (g->line[i].pid == pid)
      return &g->line[i];
  let_markers_go(g);
  array_reserve(g->line, g->lines, g->line_capacity);
  g->line[g->lines] = (struct line){.pid = pid, .marker = -1};
  return &g->line[g->lines++];
}

uint64_t lineage_identify(struct engine *g, pid_t pid) {
  uint64_t start = 0;
  (void)process_start_time(pid, &start);
  return lineage_identify_started(g, pid, start);
}

uint64_t lineage_identify_started(struct engine *g, pid_t pid, uint64_t start) {
  struct line *l = lineage_line(g, pid);
  if (l->start == start && l->identity)
    return l->identity;
  tracking_forget(l);
  l->base = NULL;
  l->start = start;
  l->identity = ++g->identities;
  return l->identity;
}

void lineage_adopt(struct engine *g, pid_t pid, uint64_t identity, struct lineage *base) {
  struct line *l = lineage_line(g, pid);
  (void)process_start_time(pid, &l->start);
  l->identity = identity;
  l->base = base;
}

void lineage_set_base(struct engine *g, pid_t pid, struct lineage *base) { lineage_line(g, pid)->base = base; }

static bool is_base(const struct engine *g, const struct lineage *n) {
  for (size_t i = 0; i < g->lines; i++)
    if (g->line[i].base == n)
      return true;
  return false;
}

struct lineage *lineage_new(struct engine *g, struct lineage *base) {
  struct lineage *n = must_alloc(sizeof *n);
  *n = (struct lineage){.base = base, .in_use = true};
  if (base)
    base->children++;
  array_reserve(g->node, g->nodes, g->node_capacity);
  g->node[g->nodes++] = n;
  return n;
}

static void forget(struct engine *g, struct lineage *n) {
  for (size_t i = 0; i < g->nodes; i++)
    if (g->node[i] == n) {
      g->node[i] = g->node[--g->nodes];
      break;
    }
  if (n->base)
    n->base->children--;
  free(n->range);
  free(n);
}

static bool is_needed(const struct engine *g, const struct lineage *n) {
  return n->in_use || n->images || is_base(g, n) || n->children > 1;
}

// A node that no snapshot uses and from which one other descends is folded into that one.
static void fold_into(struct engine *g, struct lineage *child) {
  struct lineage *n = child->base;
  for (size_t i = 0; i < n->ranges; i++)
    lineage_add(child, n->range[i].start, n->range[i].end);
  child->base = n->base;
  if (child->base)
    child->base->children++;
  n->children = 0;
  forget(g, n);
}

static void tidy(struct engine *g) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < g->nodes && !changed; i++) {
      struct lineage *n = g->node[i];
      if (n->base && !is_needed(g, n->base) && n->base->children == 1) {
        fold_into(g, n);
        changed = true;
      } else if (!is_needed(g, n) && n->children == 0) {
        forget(g, n);
        changed = true;
      }
    }
  }
}

void lineage_drop(struct engine *g, struct lineage *n) {
  if (n)
    n->in_use = false;
  tidy(g);
}

void lineage_retain(struct lineage *n) { n->images++; }

void lineage_release(struct engine *g, struct lineage *n) {
  n->images--;
  tidy(g);
}

void lineage_add(struct lineage *n, uint64_t start, uint64_t end) {
  if (n->ranges && n->range[n->ranges - 1].end == start) {
    n->range[n->ranges - 1].end = end;
    return;
  }
  array_reserve(n->range, n->ranges, n->capacity);
  n->range[n->ranges++] = (struct page_range){start, end};
}

static bool is_dirty(uint64_t word, bool moved) {
  if (word & PAGE_SWAPPED)
    return true;  // the kernel does not tell whether a swapped page is shared
  return (word & PAGE_PRESENT) && ((word & PAGE_EXCLUSIVE) || moved) && !(word & PAGE_OF_FILE);
}

static int note_pages(struct lineage *n, int pagemap, bool unsure, const struct mapping *m, uint64_t at, uint64_t end,
                      uint64_t *words) {
  bool moved = unsure || tracking_is_moved(pagemap, m);
  int r = m->inode ? 0 : pagemap_mark_zero_pages(pagemap, at, end, words);
  for (; r == 0 && at < end; at += ARCH_PAGE, words++)
    if (is_dirty(*words, moved))
      lineage_add(n, at, at + ARCH_PAGE);
  return r;
}

// `count` mappings without a gap between them: their words are read together.
static int note_mappings(struct lineage *n, int pagemap, bool unsure, const struct mapping *m, size_t count,
                         uint64_t *words) {
  const uint64_t last = m[count - 1].end;
  for (uint64_t at = m->start, end; at < last; at = end) {
    end = last - at > CHUNK * ARCH_PAGE ? at + CHUNK * ARCH_PAGE : last;
    int r = pagemap_read(pagemap, at, end, words);
    for (size_t i = 0; r == 0 && i < count; i++) {
      uint64_t from = m[i].start > at ? m[i].start : at, to = m[i].end < end ? m[i].end : end;
      r = from < to ? note_pages(n, pagemap, unsure, &m[i], from, to, words + (from - at) / ARCH_PAGE) : 0;
    }
    if (r < 0)
      return r;
  }
  return 0;
}

static bool is_noted(const struct mapping *m) {
  return !m->shared && !mapping_is_special(m) && m->start < arch_user_end;
}

int lineage_note(struct lineage *n, pid_t pid, const struct mappings *maps, bool unsure, struct error *e) {
  if (!n->base)
    return 0;
  _cleanup_fd_ int pagemap = pagemap_open(pid);
  static uint64_t words[CHUNK];  // fresh memory for each process would cost more than the reading
  int r = pagemap < 0 ? pagemap : 0;
  for (size_t i = 0, k; r == 0 && i < maps->count; i = k) {
    const struct mapping *m = &maps->item[i];
    k = i + 1;
    if (!is_noted(m))
      continue;
    while (k < maps->count && is_noted(&maps->item[k]) && maps->item[k].start == maps->item[k - 1].end)
      k++;
    r = note_mappings(n, pagemap, unsure, m, k - i, words);
  }
  return r < 0 ? error_set_errno(e, r, "cannot read which pages of process %d have changed", pid) : 0;
}

static bool is_ancestor(const struct lineage *n, const struct lineage *of) {
  for (; of; of = of->base)
    if (of == n)
      return true;
  return false;
}

static void mark(const struct lineage *n, uint64_t start, uint64_t end, uint64_t *words) {
  for (size_t i = 0; i < n->ranges; i++) {
    uint64_t from = n->range[i].start > start ? n->range[i].start : start;
    uint64_t to = n->range[i].end < end ? n->range[i].end : end;
    for (; from < to; from += ARCH_PAGE)
      words[(from - start) / ARCH_PAGE] |= PAGE_EXCLUSIVE;
  }
}

void lineage_mark(const struct lineage *from, const struct lineage *to, uint64_t start, uint64_t end, uint64_t *words) {
  for (const struct lineage *n = from; n && !is_ancestor(n, to); n = n->base)
    mark(n, start, end, words);
  for (const struct lineage *n = to; n && !is_ancestor(n, from); n = n->base)
    mark(n, start, end, words);
}

static uint64_t pages_of(const struct lineage *n) {
  uint64_t pages = 0;
  for (size_t i = 0; i < n->ranges; i++)
    pages += (n->range[i].end - n->range[i].start) / ARCH_PAGE;
  return pages;
}

uint64_t lineage_distance(const struct lineage *from, const struct lineage *to) {
  uint64_t pages = 0;
  const struct lineage *common = from;
  for (; common && !is_ancestor(common, to); common = common->base)
    pages += pages_of(common);
  if (!common)
    return UINT64_MAX;
  for (const struct lineage *n = to; n != common; n = n->base)
    pages += pages_of(n);
  return pages;
}
