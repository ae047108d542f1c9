// SPDX-License-Identifier: EPL-2.0
// The memory of a core file. A page of a mapped file that the program has not changed is not in the image: it is read
// from the file where that is here and the same, so that the core file needs as little else as can be.
#include "cli/core_segments.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/image_words.h"

typedef Snapback__Image__Mapping Mapping;
typedef Snapback__Image__Process Process;

enum { PIECE = 64 * IMAGE_PAGE };
static const uint64_t sparse_max = (uint64_t)1 << 40;  // more zeros than that are not worth a file's size

#define KIND(name) SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_##name

static int open_same_file(const Snapback__Image__FileIdentity *file) {
  struct stat s;
  _cleanup_fd_ int fd = file->deleted ? -1 : open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 || fstat(fd, &s) || !S_ISREG(s.st_mode) || (uint64_t)s.st_size != file->size)
    return -1;
  return fd_take(&fd);
}

// ---- which there are ----

static void add(struct core_segments *s, const Mapping *m, uint64_t start, uint64_t end, bool stored) {
  if (start >= end)
    return;
  array_reserve(s->item, s->count, s->capacity);
  s->item[s->count++] = (struct core_segment){m, start, end, stored};
}

// Stretches that the image holds, and those between them.
static void add_held(struct core_segments *s, const struct image *i, const Process *p, const Mapping *m) {
  size_t count;
  const struct image_extent *x = image_extents(i, p->space, &count);
  uint64_t at = m->start;
  for (size_t n = extents_search(x, count, at); n < count && x[n].start < m->end;) {
    uint64_t start = x[n].start > m->start ? x[n].start : m->start, end = x[n].end;
    while (++n < count && x[n].start == end && end < m->end)
      end = x[n].end;
    end = end < m->end ? end : m->end;
    add(s, m, at, start, false);
    add(s, m, start, end, true);
    at = end;
  }
  add(s, m, at, m->end, false);
}

static void add_private_file(struct core_segments *s, const struct image *i, const Process *p, const Mapping *m) {
  bool touched = bytes_held(i, p->space, m->start, m->end, NULL) > 0;
  _cleanup_fd_ int fd = touched ? open_same_file(m->file) : -1;
  if (touched && fd < 0)
    add_held(s, i, p, m);
  else
    add(s, m, m->start, m->end, touched);
}

static void add_memory(struct core_segments *s, const struct image *i, const Process *p, const Mapping *m) {
  uint32_t space;
  uint64_t at;
  bool held = mapping_space(i, p, m, &space, &at) && bytes_held(i, space, at, at + (m->end - m->start), NULL) > 0;
  add(s, m, m->start, m->end, held || (m->protection != PROT_NONE && m->end - m->start <= sparse_max));
}

static const ProtobufCBinaryData *vdso_of(const struct image *i, const Process *p) {
  const Snapback__Image__Machine *m = image_metadata(i)->machine;
  return p->narrow ? &m->narrow_vdso : &m->vdso;
}

static bool is_vdso(const struct image *i, const Process *p, const Mapping *m) {
  return strcmp(m->name, "[vdso]") == 0 && vdso_of(i, p)->len == m->end - m->start;
}

void core_segments_list(const struct image *i, const Process *p, struct core_segments *ret) {
  *ret = (struct core_segments){0};
  for (size_t n = 0; n < p->n_mapping; n++) {
    const Mapping *m = p->mapping[n];
    if (m->kind == KIND(FILE_PRIVATE))
      add_private_file(ret, i, p, m);
    else if (m->kind == KIND(ANONYMOUS) || m->kind == KIND(SHARED_OBJECT))
      add_memory(ret, i, p, m);
    else
      add(ret, m, m->start, m->end, m->kind == KIND(KERNEL) && is_vdso(i, p, m));
  }
}

void core_segments_done(struct core_segments *s) { free(s->item); }

// ---- their bytes ----

// What the mapped file holds, where the image holds nothing; behind the file's end are zeros.
static void fill_holes(const struct image *i, const Process *p, const Mapping *m, int fd, uint64_t address,
                       unsigned char *bytes, size_t size) {
  for (size_t n = 0; n < size; n += IMAGE_PAGE) {
    if (bytes_held(i, p->space, address + n, address + n + IMAGE_PAGE, NULL))
      continue;
    if (pread(fd, bytes + n, IMAGE_PAGE, (off_t)(address + n - m->start + m->offset)) < 0)
      memset(bytes + n, 0, IMAGE_PAGE);
  }
}

static int write_pages(struct new_file *file, const unsigned char *bytes, size_t size, uint64_t at) {
  static const unsigned char zero[IMAGE_PAGE];
  for (size_t n = 0; n < size;) {
    size_t end = n;
    while (end < size && memcmp(bytes + end, zero, IMAGE_PAGE) != 0)
      end += IMAGE_PAGE;
    int r = end > n ? new_file_write(file, bytes + n, end - n, at + n) : 0;
    if (r)
      return r;
    n = end + IMAGE_PAGE;
  }
  return 0;
}

static int write_failed(const struct new_file *file, int r, struct error *e) {
  return r ? error_set_errno(e, r, "cannot write %s", file->path) : 0;
}

int core_segment_write(const struct image *i, const Process *p, const struct core_segment *s, struct new_file *file,
                       uint64_t at, struct error *e) {
  static unsigned char bytes[PIECE];
  uint32_t space;
  uint64_t from;
  if (!mapping_space(i, p, s->mapping, &space, &from))
    return write_failed(file, write_pages(file, vdso_of(i, p)->data, s->end - s->start, at), e);
  _cleanup_fd_ int fd = s->mapping->kind == KIND(FILE_PRIVATE) ? open_same_file(s->mapping->file) : -1;
  for (uint64_t address = s->start; address < s->end; address += PIECE) {
    size_t size = s->end - address < PIECE ? (size_t)(s->end - address) : PIECE;
    if (image_read(i, space, from + (address - s->mapping->start), bytes, size, NULL, e))
      return -1;
    if (fd >= 0)
      fill_holes(i, p, s->mapping, fd, address, bytes, size);
    int r = write_failed(file, write_pages(file, bytes, size, at + (address - s->start)), e);
    if (r)
      return r;
  }
  return 0;
}
