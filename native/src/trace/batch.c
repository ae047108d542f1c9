// SPDX-License-Identifier: EPL-2.0
// Batches: lists of system calls with the memory they point to.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "trace/batch.h"

// Large, and hardly used: it is not cleared.
struct batch *batch_new(void) {
  struct batch *b = must_realloc(NULL, 1, sizeof *b);
  b->memory = must_realloc(NULL, 1, BATCH_MEMORY);
  b->pointers = NULL;
  b->pointers_capacity = 0;
  batch_clear(b);
  return b;
}

void batch_free(struct batch *b) {
  if (!b)
    return;
  free(b->memory);
  free(b->pointers);
  free(b);
}

void batch_clear(struct batch *b) {
  b->calls_count = 0;
  b->used = 0;
  b->pointers_count = 0;
}

bool batch_has_room(const struct batch *b, unsigned calls, size_t bytes) {
  return b->calls_count + calls <= BATCH_CALLS && b->used + bytes + 16 <= BATCH_MEMORY;
}

size_t batch_data(struct batch *b, const void *data, size_t size) {
  size_t at = (b->used + 15) & ~(size_t)15;
  if (at + size > BATCH_MEMORY)
    abort();
  memset(b->memory + b->used, 0, at - b->used);
  b->used = at + size;
  if (data)
    memcpy(b->memory + at, data, size);
  else
    memset(b->memory + at, 0, size);
  return at;
}

void *batch_at(struct batch *b, size_t offset) { return b->memory + offset; }

unsigned batch_call(struct batch *b, long number, const struct arg args[6]) {
  if (b->calls_count >= BATCH_CALLS)
    abort();
  struct call *c = &b->calls[b->calls_count];
  c->number = number;
  c->result = -1;
  memcpy(c->args, args, sizeof c->args);
  return b->calls_count++;
}

void batch_pointer(struct batch *b, size_t at, size_t to) {
  array_reserve(b->pointers, b->pointers_count, b->pointers_capacity);
  b->pointers[b->pointers_count++] = (struct pointer){at, to};
}

unsigned batch_count(const struct batch *b) { return b->calls_count; }

int64_t batch_result(const struct batch *b, unsigned index) { return b->calls[index].result; }

void batch_set_pointers(struct batch *b, uint64_t base) {
  for (unsigned i = 0; i < b->pointers_count; i++) {
    uint64_t value = base + b->pointers[i].to;
    memcpy(b->memory + b->pointers[i].at, &value, sizeof value);
  }
}

uint64_t batch_argument(const struct arg *a, uint64_t base) { return a->is_offset ? base + a->value : a->value; }
