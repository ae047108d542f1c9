// SPDX-License-Identifier: EPL-2.0
// Storing pages: worker threads that each read up to 256 pages, leave zero pages out, pack the rest into a block and
// write it.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "image/writer.h"

enum { WORKERS_MAX = 16, DEFAULT_LEVEL = 1 };

// What becomes one block: pieces of ranges. Done: the block (no pages: all were zero) and its extents.
struct chunk {
  const struct range *pieces;
  size_t piece_count;
  uint64_t pages;
  struct block_place block;
  struct extent *extents;
  size_t extent_count, extent_capacity;
};

enum step { STEP_NONE, STEP_READ, STEP_WRITE };

// What the workers share. The lock is for all of it but the sources and the chunks.
struct crew {
  struct image_writer *w;
  const struct image_source *sources;
  size_t source_count;
  struct chunk *chunks;
  size_t chunk_count;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  size_t next;      // chunk to be taken
  unsigned active;  // workers that have not ended
  uint64_t done;    // bytes
  bool stop;
  enum step failed;
  int result;
  uint64_t where;
};

struct worker {
  struct crew *crew;
  pthread_t thread;
  unsigned char *pages, *packed;
  size_t packed_size;
  ZSTD_CCtx *zstd;
};

// ---- dividing the ranges ----

struct division {
  struct range *pieces;
  size_t piece_count, piece_capacity;
  struct chunk *chunks;
  size_t chunk_count, chunk_capacity;
};

static void divide_range(struct division *d, struct range r) {
  while (r.start < r.end) {
    struct chunk *c = d->chunk_count ? &d->chunks[d->chunk_count - 1] : NULL;
    if (!c || c->pages == BLOCK_PAGES) {
      array_reserve(d->chunks, d->chunk_count, d->chunk_capacity);
      c = &d->chunks[d->chunk_count++];
      *c = (struct chunk){0};
    }
    uint64_t pages = (r.end - r.start) / IMAGE_PAGE, room = BLOCK_PAGES - c->pages;
    pages = pages < room ? pages : room;
    array_reserve(d->pieces, d->piece_count, d->piece_capacity);
    d->pieces[d->piece_count++] = (struct range){r.space, r.start, r.start + pages * IMAGE_PAGE};
    c->piece_count++;
    c->pages += pages;
    r.start += pages * IMAGE_PAGE;
  }
}

static struct division divide(const struct image_writer *w) {
  struct division d = {0};
  for (size_t i = 0; i < w->range_count; i++)
    divide_range(&d, w->ranges[i]);
  const struct range *next = d.pieces;
  for (size_t i = 0; i < d.chunk_count; i++) {
    d.chunks[i].pieces = next;
    next += d.chunks[i].piece_count;
  }
  return d;
}

static void division_done(struct division *d) {
  for (size_t i = 0; i < d->chunk_count; i++)
    free(d->chunks[i].extents);
  free(d->chunks);
  free(d->pieces);
}

// ---- one chunk ----

static const struct image_source *source_of(const struct crew *crew, uint32_t space) {
  for (size_t i = 0; i < crew->source_count; i++)
    if (crew->sources[i].space == space)
      return &crew->sources[i];
  return NULL;
}

static int fail(struct crew *crew, enum step step, int result, uint64_t where) {
  pthread_mutex_lock(&crew->lock);
  if (!crew->failed) {
    crew->failed = step;
    crew->result = result;
    crew->where = where;
  }
  crew->stop = true;
  pthread_mutex_unlock(&crew->lock);
  return -1;
}

static int read_pieces(struct worker *me, const struct chunk *c) {
  unsigned char *to = me->pages;
  for (size_t i = 0; i < c->piece_count; i++) {
    const struct range *p = &c->pieces[i];
    const struct image_source *source = source_of(me->crew, p->space);
    int r = source ? source->read(source->data, p->start, to, p->end - p->start) : -ENOENT;
    if (r)
      return fail(me->crew, STEP_READ, r, p->start);
    to += p->end - p->start;
  }
  return 0;
}

static bool page_is_zero(const unsigned char *page) {
  const uint64_t *word = (const uint64_t *)(const void *)page;
  for (size_t i = 0; i < IMAGE_PAGE / sizeof *word; i += 8)
    if (word[i] | word[i + 1] | word[i + 2] | word[i + 3] | word[i + 4] | word[i + 5] | word[i + 6] | word[i + 7])
      return false;
  return true;
}

static void add_page(struct chunk *c, uint32_t space, uint64_t address, bool zero) {
  enum image_extent_kind kind = zero ? IMAGE_EXTENT_ZERO : IMAGE_EXTENT_DATA;
  struct extent *last = c->extent_count ? &c->extents[c->extent_count - 1] : NULL;
  if (last && last->space == space && last->at.end == address && last->at.kind == kind) {
    last->at.end += IMAGE_PAGE;
    return;
  }
  array_reserve(c->extents, c->extent_count, c->extent_capacity);
  c->extents[c->extent_count++] = (struct extent){
      space,
      {.start = address, .end = address + IMAGE_PAGE, .kind = kind, .first_page = zero ? 0 : (unsigned)c->block.pages}};
}

// Moves the pages that are not zero together.
static void leave_zero_pages_out(struct worker *me, struct chunk *c) {
  unsigned char *from = me->pages, *to = me->pages;
  for (size_t i = 0; i < c->piece_count; i++)
    for (uint64_t address = c->pieces[i].start; address < c->pieces[i].end; address += IMAGE_PAGE, from += IMAGE_PAGE) {
      bool zero = page_is_zero(from);
      add_page(c, c->pieces[i].space, address, zero);
      if (zero)
        continue;
      if (to != from)
        memcpy(to, from, IMAGE_PAGE);
      to += IMAGE_PAGE;
      c->block.pages++;
    }
}

// The bytes to be stored: packed, where that makes them fewer.
static const unsigned char *pack(struct worker *me, struct block_place *b) {
  size_t size = (size_t)b->pages * IMAGE_PAGE;
  b->stored = (uint32_t)size;
  b->compression = IMAGE_PLAIN;
  if (!me->zstd)
    return me->pages;
  size_t packed = ZSTD_compress2(me->zstd, me->packed, me->packed_size, me->pages, size);
  if (ZSTD_isError(packed) || packed >= size)
    return me->pages;
  b->stored = (uint32_t)packed;
  b->compression = IMAGE_ZSTD;
  return me->packed;
}

static uint64_t reserve(struct crew *crew, const struct block_place *b) {
  pthread_mutex_lock(&crew->lock);
  uint64_t at = b->compression == IMAGE_PLAIN ? round_up(crew->w->end, IMAGE_PAGE) : crew->w->end;
  crew->w->end = at + b->stored;
  pthread_mutex_unlock(&crew->lock);
  return at;
}

static int store_chunk(struct worker *me, struct chunk *c) {
  if (read_pieces(me, c))
    return -1;
  leave_zero_pages_out(me, c);
  if (!c->block.pages)
    return 0;
  const unsigned char *bytes = pack(me, &c->block);
  c->block.checksum = checksum_of(bytes, c->block.stored);
  c->block.offset = reserve(me->crew, &c->block);
  int r = new_file_write(&me->crew->w->file, bytes, c->block.stored, c->block.offset);
  new_file_push(&me->crew->w->file, c->block.stored, c->block.offset);
  return r ? fail(me->crew, STEP_WRITE, r, 0) : 0;
}

// ---- the workers ----

static struct chunk *take_chunk(struct crew *crew, uint64_t done) {
  pthread_mutex_lock(&crew->lock);
  crew->done += done;
  pthread_cond_signal(&crew->changed);
  struct chunk *c = crew->stop || crew->next == crew->chunk_count ? NULL : &crew->chunks[crew->next++];
  pthread_mutex_unlock(&crew->lock);
  return c;
}

static void *work(void *data) {
  struct worker *me = data;
  uint64_t done = 0;
  for (struct chunk *c; (c = take_chunk(me->crew, done)); done = c->pages * IMAGE_PAGE)
    if (store_chunk(me, c))
      break;
  pthread_mutex_lock(&me->crew->lock);
  me->crew->active--;
  pthread_cond_signal(&me->crew->changed);
  pthread_mutex_unlock(&me->crew->lock);
  return NULL;
}

static int worker_prepare(struct worker *me, struct crew *crew) {
  const struct image_writer_options *o = &crew->w->options;
  me->crew = crew;
  me->pages = aligned_alloc(IMAGE_PAGE, BLOCK_BYTES);
  if (o->compression == IMAGE_ZSTD) {
    me->packed_size = ZSTD_compressBound(BLOCK_BYTES);
    me->packed = malloc(me->packed_size);
    me->zstd = ZSTD_createCCtx();
    if (me->zstd)
      (void)ZSTD_CCtx_setParameter(me->zstd, ZSTD_c_compressionLevel, o->level ? o->level : DEFAULT_LEVEL);
  }
  return me->pages && (o->compression != IMAGE_ZSTD || (me->packed && me->zstd)) ? 0 : -ENOMEM;
}

static void worker_done(struct worker *me) {
  free(me->pages);
  free(me->packed);
  (void)ZSTD_freeCCtx(me->zstd);
}

// Signals are the affair of whoever called us.
static int worker_start(struct worker *me) {
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  int r = -pthread_create(&me->thread, NULL, work, me);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return r;
}

static unsigned worker_count(const struct crew *crew) {
  cpu_set_t set;
  unsigned n = crew->w->options.workers;
  if (n == 0)
    n = sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
  n = n < WORKERS_MAX ? n : WORKERS_MAX;
  return crew->chunk_count < n ? (unsigned)crew->chunk_count : n;
}

// Tells the caller how far it is, until all workers have ended.
static void watch(struct crew *crew, uint64_t total) {
  const struct image_writer_options *o = &crew->w->options;
  uint64_t told = UINT64_MAX;
  pthread_mutex_lock(&crew->lock);
  for (;;) {
    uint64_t done = crew->done;
    if (done == told || !o->progress) {
      if (!crew->active)
        break;
      pthread_cond_wait(&crew->changed, &crew->lock);
      continue;
    }
    pthread_mutex_unlock(&crew->lock);
    bool stop = o->progress(o->data, done, total) != 0;
    pthread_mutex_lock(&crew->lock);
    if (stop && !crew->stop) {
      crew->stop = true;
      crew->result = -ECANCELED;
    }
    told = done;
  }
  pthread_mutex_unlock(&crew->lock);
}

static int run_workers(struct crew *crew, uint64_t total) {
  struct worker workers[WORKERS_MAX] = {0};
  unsigned n = worker_count(crew), started = 0;
  int r = 0;
  for (unsigned i = 0; i < n && r == 0; i++)
    r = worker_prepare(&workers[i], crew);
  pthread_mutex_lock(&crew->lock);
  for (; started < n && r == 0; started += r == 0)
    r = worker_start(&workers[started]);
  crew->active = started;
  pthread_mutex_unlock(&crew->lock);
  watch(crew, total);
  for (unsigned i = 0; i < started; i++)
    (void)pthread_join(workers[i].thread, NULL);
  for (unsigned i = 0; i < n; i++)
    worker_done(&workers[i]);
  return started ? 0 : r;  // fewer workers do as well
}

// ---- all chunks ----

static int explain(const struct crew *crew, struct error *e) {
  const char *path = crew->w->file.path;
  if (crew->failed == STEP_READ)
    return error_set_errno(e, crew->result, "cannot read the memory at 0x%llx for %s", (unsigned long long)crew->where,
                           path);
  if (crew->failed == STEP_WRITE)
    return error_set_errno(e, crew->result, "cannot write %s", path);
  return error_set(e, ERROR_CANCELLED, "writing %s was cancelled", path);
}

static void collect(struct image_writer *w, const struct chunk *c) {
  for (size_t i = 0; i < c->extent_count; i++) {
    struct extent x = c->extents[i];
    if (x.at.kind == IMAGE_EXTENT_DATA)
      x.at.block = (unsigned)w->block_count;
    array_reserve(w->extents, w->extent_count, w->extent_capacity);
    w->extents[w->extent_count++] = x;
  }
  if (!c->block.pages)
    return;
  array_reserve(w->blocks, w->block_count, w->block_capacity);
  w->blocks[w->block_count++] = c->block;
}

static int store_division(struct image_writer *w, struct division *d, const struct image_source *sources, size_t count,
                          struct error *e) {
  struct crew crew = {.w = w,
                      .sources = sources,
                      .source_count = count,
                      .chunks = d->chunks,
                      .chunk_count = d->chunk_count,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .changed = PTHREAD_COND_INITIALIZER};
  uint64_t total = 0;
  for (size_t i = 0; i < d->chunk_count; i++)
    total += d->chunks[i].pages * IMAGE_PAGE;
  int r = run_workers(&crew, total);
  if (r)
    return error_set_errno(e, r, "cannot start the threads that write %s", w->file.path);
  if (crew.result)
    return explain(&crew, e);
  for (size_t i = 0; i < d->chunk_count; i++)
    collect(w, &d->chunks[i]);
  return 0;
}

int writer_store_ranges(struct image_writer *w, const struct image_source *sources, size_t count, struct error *e) {
  for (size_t i = 0; i < w->range_count; i++)
    if (!page_aligned(w->ranges[i].start) || !page_aligned(w->ranges[i].end))
      return error_set(e, ERROR_FAILED, "pages of space %u for %s are not whole", w->ranges[i].space, w->file.path);
  struct division d = divide(w);
  int r = store_division(w, &d, sources, count, e);
  division_done(&d);
  w->range_count = 0;
  return r;
}
