// SPDX-License-Identifier: EPL-2.0
// Reading the metadata within a bound of memory.
#include "image/metadata.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"

// A few bytes on the wire can stand for a large struct: memory is bounded, not only the bytes that are read.
enum { MEMORY_PER_BYTE = 64, MEMORY_AT_LEAST = 1 << 20 };
static const size_t memory_max = (size_t)1 << 30;

static void *bounded_alloc(void *data, size_t size) {
  size_t *left = data;
  if (size > *left)
    return NULL;
  *left -= size;
  return malloc(size ? size : 1);
}

static void bounded_free(void *data, void *p) {
  (void)data;
  free(p);
}

static size_t bound(size_t size) {
  size_t n = MEMORY_AT_LEAST + size * MEMORY_PER_BYTE;
  return n < memory_max ? n : memory_max;
}

// Bytes that are packed again to another length were not written by us: a text with a NUL in it, a field twice.
static const char *fault_of(const Snapback__Image__Image *m, size_t size) {
  if (snapback__image__image__get_packed_size(m) != size)
    return "is not in the form in which it is written";
  return metadata_check(m);
}

int metadata_read(const struct block_file *f, Snapback__Image__Image **ret, struct error *e) {
  _cleanup_free_ unsigned char *bytes = NULL;
  if (block_file_table(f, &f->header.metadata, 1, "its metadata", &bytes, e))
    return -1;
  size_t size = f->header.metadata.count, left = bound(size);
  ProtobufCAllocator allocator = {bounded_alloc, bounded_free, &left};
  Snapback__Image__Image *m = snapback__image__image__unpack(&allocator, size, bytes);
  if (!m)
    return error_set(e, ERROR_FAILED, "%s is damaged: its metadata cannot be read", f->path);
  const char *wrong = fault_of(m, size);
  if (wrong) {
    snapback__image__image__free_unpacked(m, NULL);
    return error_set(e, ERROR_FAILED, "%s is damaged: its metadata %s", f->path, wrong);
  }
  *ret = m;
  return 0;
}
