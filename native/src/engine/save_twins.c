// SPDX-License-Identifier: EPL-2.0
// Pages of a process that are stored already: by a process that it was forked from, in the same image, or in an older
// image, where the kernel could not tell which pages have changed since. They are compared, while the program runs on.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/save_state.h"
#include "proc/pagemap.h"

enum { PIECE = 256 };  // pages looked at together
enum { PIECE_BYTES = PIECE * ARCH_PAGE };

struct twins {
  struct pages_plan *plan;
  int pagemap;  // of the mother's template; -1: there is none
  unsigned char *own, *other;
  uint64_t *words;
};

struct twins *twins_new(struct pages_plan *p) {
  bool compares = p->parent && p->s->compares;
  int pagemap = p->mother ? pagemap_open(p->mother->s->template.pid) : -1;
  if (pagemap < 0 && !compares)
    return NULL;
  struct twins *t = must_alloc(sizeof *t);
  *t = (struct twins){.plan = p, .pagemap = pagemap < 0 ? -1 : pagemap};
  t->own = must_alloc(PIECE_BYTES);
  t->other = must_alloc(PIECE_BYTES);
  t->words = must_alloc(PIECE * sizeof *t->words);
  return t;
}

void twins_free(struct twins *t) {
  if (!t)
    return;
  cleanup_fd(&t->pagemap);
  free(t->own);
  free(t->other);
  free(t->words);
  free(t);
}

static bool is_zero(const unsigned char *page) { return page[0] == 0 && memcmp(page, page + 1, ARCH_PAGE - 1) == 0; }

// ---- of the mother ----

static bool is_stored(const struct process_state *s, uint64_t word, uint64_t at) {
  return page_exists(word) && !(word & PAGE_OF_FILE) && (at < s->area || at >= s->area + EXECUTOR_AREA);
}

// Pages of zeroes are left to the writer, which does not store them.
static bool is_hers(struct twins *t, uint64_t at, const unsigned char *page, uint64_t word) {
  struct pages_plan *mother = t->plan->mother;
  return mother && is_stored(mother->s, word, at) && !is_zero(page) &&
         save_read_pages(&mother->source, at, t->other, ARCH_PAGE) == 0 && memcmp(t->other, page, ARCH_PAGE) == 0;
}

// ---- of an older image ----

static bool is_old(struct twins *t, uint64_t at, const unsigned char *page) {
  const struct pages_plan *p = t->plan;
  bool has_holes = false;
  struct error ignored = {0};
  return p->parent && p->s->compares &&
         image_read(p->parent, p->parent_node->space, at, t->other, ARCH_PAGE, &has_holes, &ignored) == 0 &&
         !has_holes && memcmp(t->other, page, ARCH_PAGE) == 0;
}

// ---- all of them ----

static int place(struct twins *t, uint64_t at, const unsigned char *page, uint64_t word, struct error *e) {
  const struct pages_plan *p = t->plan;
  if (is_old(t, at, page))
    return image_writer_refer(p->writer, p->process->space, at, at + ARCH_PAGE, p->parent, e);
  if (is_hers(t, at, page, word))
    image_writer_share(p->writer, p->process->space, at, at + ARCH_PAGE, p->mother->process->space);
  else
    image_writer_add(p->writer, p->process->space, at, at + ARCH_PAGE);
  return 0;
}

static int place_piece(struct twins *t, uint64_t start, size_t pages, struct error *e) {
  memset(t->words, 0, pages * sizeof *t->words);
  if (t->pagemap >= 0)
    (void)pagemap_read(t->pagemap, start, start + pages * ARCH_PAGE, t->words);
  if (save_read_pages(&t->plan->source, start, t->own, pages * ARCH_PAGE) < 0) {
    image_writer_add(t->plan->writer, t->plan->process->space, start, start + pages * ARCH_PAGE);
    return 0;
  }
  int r = 0;
  for (size_t i = 0; r == 0 && i < pages; i++)
    r = place(t, start + i * ARCH_PAGE, t->own + i * ARCH_PAGE, t->words[i], e);
  return r;
}

int twins_store(struct twins *t, uint64_t start, uint64_t end, struct error *e) {
  int r = 0;
  for (uint64_t at = start; r == 0 && at < end; at += PIECE_BYTES) {
    uint64_t pages = (end - at) / ARCH_PAGE;
    r = place_piece(t, at, pages < PIECE ? pages : PIECE, e);
  }
  return r;
}
