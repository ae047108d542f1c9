// SPDX-License-Identifier: EPL-2.0
// Copying the pages of a space of an image to where they belong, with all processors.
#include "resource/space.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"

enum { WORKERS_MAX = 16, ZEROES = 65536, PIECES = 8 };

// Extents that lie in one block are one piece of work.
struct copying {
  const struct image *image;
  const struct image_extent *extent;
  size_t count;
  const struct space_target *target;
  pthread_mutex_t lock;  // of what follows
  size_t next;
  bool failed;
  struct error error;
};

static bool same_block(const struct image_extent *a, const struct image_extent *b) {
  return a->kind == b->kind && a->kind == IMAGE_EXTENT_DATA && a->file == b->file && a->block == b->block;
}

static size_t piece_at(const struct copying *c, size_t first) {
  size_t n = 1;
  while (first + n < c->count && same_block(&c->extent[first], &c->extent[first + n]))
    n++;
  return n;
}

// Takes the next pieces of work, several in a row: two threads that fill neighbouring memory wait for each other in the
// kernel. 0: there are none.
static size_t take(struct copying *c, size_t *ret_first) {
  (void)pthread_mutex_lock(&c->lock);
  size_t first = c->next, n = 0;
  for (unsigned pieces = 0; !c->failed && pieces < PIECES && first + n < c->count; pieces++)
    n += piece_at(c, first + n);
  c->next += n;
  (void)pthread_mutex_unlock(&c->lock);
  *ret_first = first;
  return n;
}

static int write_zeroes(const struct copying *c, const struct image_extent *extent) {
  static const unsigned char zeroes[ZEROES];
  int r = 0;
  for (uint64_t at = extent->start, n; c->target->wants_zeroes && r == 0 && at < extent->end; at += n) {
    n = extent->end - at < ZEROES ? extent->end - at : ZEROES;
    if (c->target->wants_zeroes(c->target->data, at, at + n))
      r = c->target->write(c->target->data, at, zeroes, n);
  }
  return r;
}

static int write_block(const struct copying *c, size_t first, size_t count, struct error *e) {
  struct image_block block;
  const struct image_extent *extent = &c->extent[first];
  if (image_block_read(c->image, extent->file, extent->block, &block, e) < 0)
    return -1;
  int r = fault(FAULT_restart_pages);
  for (size_t i = 0; r == 0 && i < count; i++) {
    size_t from = (size_t)extent[i].first_page * IMAGE_PAGE, size = extent[i].end - extent[i].start;
    r = from + size <= block.size ? c->target->write(c->target->data, extent[i].start, block.bytes + from, size)
                                  : -EBADMSG;
  }
  image_block_done(&block);
  return r < 0 ? error_set_errno(e, r, "cannot put back memory at %#lx", (unsigned long)extent->start) : 0;
}

static int write_piece(const struct copying *c, size_t first, size_t count, struct error *e) {
  if (c->extent[first].kind == IMAGE_EXTENT_DATA)
    return write_block(c, first, count, e);
  int r = write_zeroes(c, &c->extent[first]);
  return r < 0 ? error_set_errno(e, r, "cannot put back memory at %#lx", (unsigned long)c->extent[first].start) : 0;
}

static int write_pieces(const struct copying *c, size_t first, size_t count, struct error *e) {
  int r = 0;
  for (size_t done = 0, n; r == 0 && done < count; done += n) {
    n = piece_at(c, first + done);
    r = write_piece(c, first + done, n, e);
  }
  return r;
}

static void *work(void *data) {
  struct copying *c = data;
  size_t first, count;
  while ((count = take(c, &first)) > 0) {
    struct error e = {0};
    if (write_pieces(c, first, count, &e) == 0)
      continue;
    (void)pthread_mutex_lock(&c->lock);
    if (!c->failed)
      c->error = e;
    c->failed = true;
    (void)pthread_mutex_unlock(&c->lock);
  }
  return NULL;
}

static size_t worker_count(const struct copying *c) {
  enum { EXTENTS_PER_WORKER = 8 };
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  size_t wanted = c->count / EXTENTS_PER_WORKER, most = processors > WORKERS_MAX ? WORKERS_MAX : (size_t)processors;
  return wanted < most ? wanted : most;
}

// This thread works as well; where no other can be had, alone.
int space_copy_extents(const struct image *image, const struct image_extent *extent, size_t count,
                       const struct space_target *target, struct error *e) {
  struct copying c = {
      .image = image, .extent = extent, .count = count, .target = target, .lock = PTHREAD_MUTEX_INITIALIZER};
  pthread_t worker[WORKERS_MAX];
  size_t workers = 0, wanted = worker_count(&c);
  while (workers + 1 < wanted && pthread_create(&worker[workers], NULL, work, &c) == 0)
    workers++;
  (void)work(&c);
  for (size_t i = 0; i < workers; i++)
    (void)pthread_join(worker[i], NULL);
  (void)pthread_mutex_destroy(&c.lock);
  return c.failed ? error_set(e, c.error.code, "%s", c.error.text) : 0;
}

int space_copy(const struct image *image, uint32_t space, const struct space_target *target, struct error *e) {
  size_t count;
  const struct image_extent *extent = image_extents(image, space, &count);
  return space_copy_extents(image, extent, count, target, e);
}

static int write_to_file(const void *data, uint64_t address, const void *bytes, size_t size) {
  const int *fd = data;
  ssize_t n = pwrite(*fd, bytes, size, (off_t)address);
  return n == (ssize_t)size ? 0 : n < 0 ? -errno : -ENOSPC;
}

int space_copy_to_file(const struct image *image, uint32_t space, int fd, struct error *e) {
  return space_copy(image, space, &(struct space_target){.write = write_to_file, .data = &fd}, e);
}
