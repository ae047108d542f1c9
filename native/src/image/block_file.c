// SPDX-License-Identifier: EPL-2.0
// One file of blocks. Read with pread(2) throughout: a mapped file that somebody shortens would end us with SIGBUS.
#include "image/block_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

static int failed_read(const struct block_file *f, int r, struct error *e) {
  if (r == -EPIPE)
    return error_set(e, ERROR_FAILED, "%s is damaged: it is shorter than its header says", f->path);
  return error_set_errno(e, r, "cannot read %s", f->path);
}

static int open_file(struct block_file *f, uint64_t *ret_bytes, struct error *e) {
  struct stat s;
  // A FIFO must not make us wait.
  f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (f->fd < 0 || fstat(f->fd, &s))
    return error_set_errno(e, -errno, "cannot open %s", f->path);
  if (!S_ISREG(s.st_mode) || s.st_size < HEADER_BYTES)
    return error_set(e, ERROR_FAILED, "%s is no image of snapback", f->path);
  *ret_bytes = (uint64_t)s.st_size;
  return 0;
}

static int read_header(struct block_file *f, uint64_t bytes, struct error *e) {
  unsigned char header[HEADER_BYTES];
  int r = fd_pread_all(f->fd, header, sizeof header, 0);
  if (r)
    return failed_read(f, r, e);
  const char *wrong = header_decode(header, &f->header);
  if (wrong)
    return error_set(e, ERROR_FAILED, "%s %s", f->path, wrong);
  if (f->header.bytes != bytes)
    return error_set(e, ERROR_FAILED, "%s is damaged: it has %llu bytes and should have %llu", f->path,
                     (unsigned long long)bytes, (unsigned long long)f->header.bytes);
  return 0;
}

int block_file_table(const struct block_file *f, const struct table_place *place, size_t entry, const char *name,
                     unsigned char **ret, struct error *e) {
  size_t size = place->count * entry;
  _cleanup_free_ unsigned char *bytes = malloc(size ? size : 1);
  if (!bytes)
    return error_set_errno(e, -ENOMEM, "cannot read %s of %s", name, f->path);
  int r = fd_pread_all(f->fd, bytes, size, (off_t)place->offset);
  if (r)
    return failed_read(f, r, e);
  if (checksum_of(bytes, size) != place->checksum)
    return error_set(e, ERROR_FAILED, "%s is damaged: %s has another checksum", f->path, name);
  *ret = pointer_take(bytes);
  return 0;
}

static int read_blocks(struct block_file *f, struct error *e) {
  const struct table_place *place = &f->header.blocks;
  _cleanup_free_ unsigned char *bytes = NULL;
  if (block_file_table(f, place, BLOCK_ENTRY_BYTES, "its table of blocks", &bytes, e))
    return -1;
  f->blocks = calloc(place->count ? place->count : 1, sizeof *f->blocks);
  if (!f->blocks)
    return error_set_errno(e, -ENOMEM, "cannot read the table of blocks of %s", f->path);
  for (uint64_t i = 0; i < place->count; i++)
    if (!block_decode(bytes + i * BLOCK_ENTRY_BYTES, f->header.extents.offset, &f->blocks[i]))
      return error_set(e, ERROR_FAILED, "%s is damaged: block %llu cannot be where its table says", f->path,
                       (unsigned long long)i);
  return 0;
}

int block_file_open(const char *path, struct block_file *ret, struct error *e) {
  uint64_t bytes = 0;
  *ret = (struct block_file){.fd = -1, .path = must_strdup(path)};
  if (open_file(ret, &bytes, e) || read_header(ret, bytes, e) || read_blocks(ret, e)) {
    block_file_done(ret);
    return -1;
  }
  return 0;
}

void block_file_done(struct block_file *f) {
  cleanup_fd(&f->fd);
  free(f->path);
  free(f->blocks);
  *f = (struct block_file){.fd = -1};
}

static int read_stored(const struct block_file *f, unsigned block, void *bytes, struct error *e) {
  const struct block_place *b = &f->blocks[block];
  int r = fd_pread_all(f->fd, bytes, b->stored, (off_t)b->offset);
  if (r)
    return failed_read(f, r, e);
  if (checksum_of(bytes, b->stored) != b->checksum)
    return error_set(e, ERROR_FAILED, "%s is damaged: block %u has another checksum", f->path, block);
  return 0;
}

int block_file_read(const struct block_file *f, unsigned block, unsigned char *bytes, struct error *e) {
  const struct block_place *b = &f->blocks[block];
  if (b->compression == IMAGE_PLAIN)
    return read_stored(f, block, bytes, e);
  _cleanup_free_ unsigned char *stored = malloc(b->stored);
  if (!stored)
    return error_set_errno(e, -ENOMEM, "cannot read %s", f->path);
  if (read_stored(f, block, stored, e))
    return -1;
  size_t unpacked = (size_t)b->pages * IMAGE_PAGE;
  if (ZSTD_decompress(bytes, unpacked, stored, b->stored) != unpacked)
    return error_set(e, ERROR_FAILED, "%s is damaged: block %u cannot be unpacked", f->path, block);
  return 0;
}
