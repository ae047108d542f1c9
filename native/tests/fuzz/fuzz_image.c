// SPDX-License-Identifier: EPL-2.0
// Files that claim to be images: opened, walked, read and verified. The checksums are made true first, or nothing
// behind them would ever be reached; a second run leaves them as they are.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz.h"
#include "image/format.h"

// The table's own checksum, where it lies in the file at all.
static void mend_table(const uint8_t *bytes, size_t size, struct table_place *p, size_t entry) {
  if (p->offset <= size && p->count <= (size - p->offset) / entry)
    p->checksum = checksum_of(bytes + p->offset, p->count * entry);
}

static void mend_blocks(uint8_t *bytes, size_t size, const struct header *h) {
  for (uint64_t i = 0; i < h->blocks.count && h->blocks.offset + (i + 1) * BLOCK_ENTRY_BYTES <= size; i++) {
    struct block_place b;
    uint8_t *entry = bytes + h->blocks.offset + i * BLOCK_ENTRY_BYTES;
    if (!block_decode(entry, size, &b))
      continue;
    b.checksum = checksum_of(bytes + b.offset, b.stored);
    block_encode(&b, entry);
  }
}

static void mend(uint8_t *bytes, size_t size) {
  struct header h;
  uint64_t checksum;
  if (size < HEADER_BYTES)
    return;
  checksum = checksum_of(bytes, HEADER_BYTES - 8);
  memcpy(bytes + HEADER_BYTES - 8, &checksum, sizeof checksum);
  if (header_decode(bytes, &h))
    return;
  h.bytes = size;
  if (h.metadata.offset <= size)
    h.metadata.count = size - h.metadata.offset;
  mend_blocks(bytes, size, &h);
  mend_table(bytes, size, &h.extents, EXTENT_ENTRY_BYTES);
  mend_table(bytes, size, &h.blocks, BLOCK_ENTRY_BYTES);
  mend_table(bytes, size, &h.metadata, 1);
  header_encode(&h, bytes);
}

static void read_space(const struct image *i, uint32_t space) {
  size_t count;
  unsigned char bytes[3 * IMAGE_PAGE];
  const struct image_extent *x = image_extents(i, space, &count);
  for (size_t n = 0; n < count; n++) {
    bool holes = false;
    if (x[n].start >= x[n].end || (n && x[n - 1].end > x[n].start))
      abort();
    (void)image_read(i, space, x[n].start - 100, bytes, sizeof bytes, &holes, NULL);
    (void)image_read(i, space, x[n].end - 100, bytes, sizeof bytes, &holes, NULL);
  }
}

static void walk(const struct image *i) {
  const Snapback__Image__Image *m = image_metadata(i);
  for (size_t n = 0; n < m->n_process; n++)
    read_space(i, m->process[n]->space);
  for (size_t n = 0; n < m->n_shared_object; n++)
    read_space(i, m->shared_object[n]->space);
  for (size_t n = 0; n < m->n_kept_file; n++)
    read_space(i, m->kept_file[n]->space);
}

static void open_and_walk(int fd) {
  char path[64];
  struct image *i = NULL;
  struct error e = {0};
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (image_open(path, &i, &e)) {
    if (!e.code || !e.text[0])
      abort();
    return;
  }
  (void)image_open_ancestors(i, NULL, NULL);
  (void)image_verify(i, NULL);
  walk(i);
  image_close(i);
}

static void try_bytes(const uint8_t *bytes, size_t size) {
  int fd = memfd_create("image", MFD_CLOEXEC);
  if (fd < 0 || fd_write_all(fd, bytes, size))
    abort();
  open_and_walk(fd);
  (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *bytes = malloc(size ? size : 1);
  memcpy(bytes, data, size);
  try_bytes(bytes, size);
  mend(bytes, size);
  try_bytes(bytes, size);
  free(bytes);
  return 0;
}
