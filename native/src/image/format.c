// SPDX-License-Identifier: EPL-2.0
// The bytes of an image. All numbers are little-endian.
#include "image/format.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

static const unsigned char magic[8] = {0x89, 'S', 'N', 'A', 'P', '\r', '\n', 0x1a};

enum {
  AT_VERSION = 8,
  AT_PAGE_SIZE = 12,
  AT_ID = 16,
  AT_BYTES = 32,
  AT_EXTENTS = 40,
  AT_BLOCKS = 64,
  AT_METADATA = 88,
  AT_CHECKSUM = HEADER_BYTES - 8,
};

static void put_16(unsigned char *at, uint16_t n) {
  n = htole16(n);
  memcpy(at, &n, sizeof n);
}

static void put_32(unsigned char *at, uint32_t n) {
  n = htole32(n);
  memcpy(at, &n, sizeof n);
}

static void put_64(unsigned char *at, uint64_t n) {
  n = htole64(n);
  memcpy(at, &n, sizeof n);
}

static uint16_t get_16(const unsigned char *at) {
  uint16_t n;
  memcpy(&n, at, sizeof n);
  return le16toh(n);
}

static uint32_t get_32(const unsigned char *at) {
  uint32_t n;
  memcpy(&n, at, sizeof n);
  return le32toh(n);
}

static uint64_t get_64(const unsigned char *at) {
  uint64_t n;
  memcpy(&n, at, sizeof n);
  return le64toh(n);
}

uint64_t checksum_of(const void *bytes, size_t size) { return XXH64(bytes, size, 0); }

static void put_table(unsigned char *at, const struct table_place *t) {
  put_64(at, t->offset);
  put_64(at + 8, t->count);
  put_64(at + 16, t->checksum);
}

static struct table_place get_table(const unsigned char *at) {
  return (struct table_place){get_64(at), get_64(at + 8), get_64(at + 16)};
}

void header_encode(const struct header *h, unsigned char bytes[HEADER_BYTES]) {
  memset(bytes, 0, HEADER_BYTES);
  memcpy(bytes, magic, sizeof magic);
  put_32(bytes + AT_VERSION, FORMAT_VERSION);
  put_32(bytes + AT_PAGE_SIZE, IMAGE_PAGE);
  memcpy(bytes + AT_ID, h->id, IMAGE_ID);
  put_64(bytes + AT_BYTES, h->bytes);
  put_table(bytes + AT_EXTENTS, &h->extents);
  put_table(bytes + AT_BLOCKS, &h->blocks);
  put_table(bytes + AT_METADATA, &h->metadata);
  put_64(bytes + AT_CHECKSUM, checksum_of(bytes, AT_CHECKSUM));
}

// The tables stand one behind the other up to the end of the file.
static bool places_fit(const struct header *h) {
  const struct table_place *x = &h->extents, *b = &h->blocks, *m = &h->metadata;
  if (x->count > EXTENTS_MAX || b->count > BLOCKS_MAX || m->count > METADATA_MAX)
    return false;
  if (x->offset < HEADER_BYTES || x->offset > h->bytes || x->offset % TABLE_ALIGNMENT)
    return false;
  return b->offset == x->offset + x->count * EXTENT_ENTRY_BYTES &&
         m->offset == b->offset + b->count * BLOCK_ENTRY_BYTES && h->bytes == m->offset + m->count;
}

const char *header_decode(const unsigned char bytes[HEADER_BYTES], struct header *ret) {
  if (memcmp(bytes, magic, sizeof magic) != 0)
    return "is no image of snapback";
  if (get_64(bytes + AT_CHECKSUM) != checksum_of(bytes, AT_CHECKSUM))
    return "is damaged: its header has another checksum";
  if (get_32(bytes + AT_VERSION) != FORMAT_VERSION)
    return "was written by a newer version of snapback, use that one";
  if (get_32(bytes + AT_PAGE_SIZE) != IMAGE_PAGE)
    return "comes from a machine with pages of another size and cannot be used here";
  memcpy(ret->id, bytes + AT_ID, IMAGE_ID);
  ret->bytes = get_64(bytes + AT_BYTES);
  ret->extents = get_table(bytes + AT_EXTENTS);
  ret->blocks = get_table(bytes + AT_BLOCKS);
  ret->metadata = get_table(bytes + AT_METADATA);
  return places_fit(ret) ? NULL : "is damaged: the places of its tables do not fit together";
}

void block_encode(const struct block_place *b, unsigned char bytes[BLOCK_ENTRY_BYTES]) {
  memset(bytes, 0, BLOCK_ENTRY_BYTES);
  put_64(bytes, b->offset);
  put_64(bytes + 8, b->checksum);
  put_32(bytes + 16, b->stored);
  put_16(bytes + 20, b->pages);
  bytes[22] = b->compression;
}

bool block_decode(const unsigned char bytes[BLOCK_ENTRY_BYTES], uint64_t end, struct block_place *ret) {
  *ret = (struct block_place){.offset = get_64(bytes),
                              .checksum = get_64(bytes + 8),
                              .stored = get_32(bytes + 16),
                              .pages = get_16(bytes + 20),
                              .compression = bytes[22]};
  uint32_t unpacked = (uint32_t)ret->pages * IMAGE_PAGE;
  if (ret->pages == 0 || ret->pages > BLOCK_PAGES || ret->stored == 0 || bytes[23])
    return false;
  if (ret->offset < HEADER_BYTES || ret->offset > end || ret->stored > end - ret->offset)
    return false;
  if (ret->compression == IMAGE_PLAIN)
    return ret->stored == unpacked && page_aligned(ret->offset);
  return ret->compression == IMAGE_ZSTD && ret->stored < unpacked;
}

void extent_encode(const struct extent *x, unsigned char bytes[EXTENT_ENTRY_BYTES]) {
  put_64(bytes, x->at.start);
  put_32(bytes + 8, x->space);
  put_32(bytes + 12, (uint32_t)((x->at.end - x->at.start) / IMAGE_PAGE));
  put_32(bytes + 16, x->at.file);
  put_32(bytes + 20, x->at.block);
  put_32(bytes + 24, x->at.first_page);
  put_32(bytes + 28, x->at.kind);
}

bool extent_decode(const unsigned char bytes[EXTENT_ENTRY_BYTES], struct extent *ret) {
  uint64_t start = get_64(bytes), size = (uint64_t)get_32(bytes + 12) * IMAGE_PAGE;
  uint32_t kind = get_32(bytes + 28);
  *ret = (struct extent){.space = get_32(bytes + 8),
                         .at = {.start = start,
                                .end = start + size,
                                .kind = (enum image_extent_kind)kind,
                                .file = get_32(bytes + 16),
                                .block = get_32(bytes + 20),
                                .first_page = get_32(bytes + 24)}};
  if (!page_aligned(start) || size == 0 || ret->at.end < start || ret->space == 0)
    return false;
  if (kind == IMAGE_EXTENT_ZERO)
    return ret->at.file == 0 && ret->at.block == 0 && ret->at.first_page == 0;
  return kind == IMAGE_EXTENT_DATA && ret->at.first_page < BLOCK_PAGES &&
         size <= (uint64_t)(BLOCK_PAGES - ret->at.first_page) * IMAGE_PAGE;
}
