// SPDX-License-Identifier: EPL-2.0
// Copies of what is in shared memory, as runs of bytes.
#include "resource/shared_contents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { RUN_MAX = 1024 * 1024 };

// ---- which belong together ----

struct shared_contents *shared_pool_find(struct shared_pool *pool, uint64_t device, uint64_t inode) {
  for (size_t i = 0; pool && i < pool->count; i++) {
    struct shared_contents *c = pool->item[i];
    if (c->device == device && c->inode == inode) {
      c->users++;
      return c;
    }
  }
  struct shared_contents *c = must_alloc(sizeof *c);
  *c = (struct shared_contents){.device = device, .inode = inode, .users = 1};
  if (!pool)
    return c;
  array_reserve(pool->item, pool->count, pool->capacity);
  pool->item[pool->count++] = c;
  c->users++;
  return c;
}

void shared_contents_release(struct shared_contents *c) {
  if (!c || --c->users)
    return;
  for (size_t i = 0; i < c->runs; i++)
    free(c->run[i].bytes);
  free(c->run);
  free(c->seen);
  free(c);
}

void shared_pool_done(struct shared_pool *p) {
  for (size_t i = 0; i < p->count; i++)
    shared_contents_release(p->item[i]);
  free(p->item);
  *p = (struct shared_pool){0};
}

// ---- their runs ----

size_t shared_runs_find(const struct shared_run *run, size_t count, uint64_t offset) {
  size_t low = 0;
  for (size_t high = count; low < high;) {
    size_t middle = (low + high) / 2;
    if (run[middle].offset + run[middle].size <= offset)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool shared_contents_has(const struct shared_contents *c, uint64_t offset) {
  size_t i = shared_runs_find(c->run, c->runs, offset);
  return i < c->runs && c->run[i].offset <= offset;
}

bool shared_contents_is_seen(const struct shared_contents *c, uint64_t offset, uint64_t size) {
  for (size_t i = 0; i < c->seen_count; i++)
    if (offset >= c->seen[i].offset && offset + size <= c->seen[i].offset + c->seen[i].size)
      return true;
  return false;
}

void shared_contents_set_seen(struct shared_contents *c, uint64_t offset, uint64_t size) {
  array_reserve(c->seen, c->seen_count, c->seen_capacity);
  c->seen[c->seen_count++] = (struct shared_stretch){offset, size};
}

uint64_t shared_contents_size(const struct shared_contents *c) {
  uint64_t size = 0;
  for (size_t i = 0; i < c->runs; i++)
    size += c->run[i].size;
  return size;
}

// A stretch before run `index` that no run covers.
static int insert(struct shared_contents *c, size_t index, int fd, uint64_t at, uint64_t offset, uint64_t size) {
  struct shared_run run = {offset, size, malloc(size)};
  if (!run.bytes)  // the program decides how much this is: not a reason for the supervisor to end
    return -ENOMEM;
  int r = fd_pread_all(fd, run.bytes, size, (off_t)at);
  if (r < 0) {
    free(run.bytes);
    return r;
  }
  array_reserve(c->run, c->runs, c->capacity);
  memmove(&c->run[index + 1], &c->run[index], (c->runs - index) * sizeof run);
  c->run[index] = run;
  c->runs++;
  return 0;
}

int shared_contents_add(struct shared_contents *c, int fd, uint64_t at, uint64_t offset, uint64_t size) {
  uint64_t end = offset + size;
  for (uint64_t from = offset; from < end;) {
    size_t i = shared_runs_find(c->run, c->runs, from);
    if (i < c->runs && c->run[i].offset <= from) {
      from = c->run[i].offset + c->run[i].size;
      continue;
    }
    uint64_t to = i < c->runs && c->run[i].offset < end ? c->run[i].offset : end;
    to = to - from > RUN_MAX ? from + RUN_MAX : to;
    int r = insert(c, i, fd, at + (from - offset), from, to - from);
    if (r < 0)
      return r;
    from = to;
  }
  return 0;
}
