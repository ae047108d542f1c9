// SPDX-License-Identifier: EPL-2.0
// What the commands that read images have in common.
#include "cli/image_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/words.h"
#include "session/text.h"

int image_open_whole(const char *path, const char *folder, struct image **ret, struct error *e) {
  struct image *i = NULL;
  if (image_open(path, &i, e))
    return -1;
  if (image_open_ancestors(i, folder, e)) {
    image_close(i);
    return -1;
  }
  *ret = i;
  return 0;
}

char *text_shown(const char *text) { return text_tame(text_clean(must_strdup(text))); }

char *text_of_mapping_name(const Snapback__Image__Mapping *m) {
  return text_shown(*m->name ? m->name : m->file ? m->file->path : "");
}

char *text_of_command(const Snapback__Image__Image *m) {
  _cleanup_free_ char *words = words_joined(m->command, m->n_command);
  return text_shown(words);
}

char *text_of_place(const Snapback__Image__Place *p) {
  _cleanup_free_ char *line = *p->file ? must_format("%s:%" PRIu32, p->file, p->line) : must_strdup("");
  _cleanup_free_ char *where = *p->function ? must_format("%s%s%s", p->function, *line ? " at " : "", line)
                               : *line      ? must_strdup(line)
                                            : must_format("0x%" PRIx64, p->pc);
  _cleanup_free_ char *all = *p->reason ? must_format("%s (%s)", where, p->reason) : must_strdup(where);
  return text_shown(all);
}

// ---- words ----

const char *word_of_mapping_kind(Snapback__Image__MappingKind kind) {
  static const char *const words[] = {"unknown",     "private memory", "private file",
                                      "shared file", "shared memory",  "of the kernel"};
  return (size_t)kind < sizeof words / sizeof *words ? words[kind] : words[0];
}

const char *word_of_open_file_kind(Snapback__Image__OpenFileKind kind) {
  static const char *const words[] = {"unknown", "file",     "device",  "terminal",      "pipe",
                                      "fifo",    "eventfd",  "epoll",   "shared memory", "outside",
                                      "proc",    "debugger", "timerfd", "signalfd",      "socket"};
  static const char *const more[] = {"inotify", "pidfd", "pty master", "pty", "message queue", "fanotify"};
  size_t above = (size_t)kind - SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_INOTIFY;
  if (above < sizeof more / sizeof *more)
    return more[above];
  return (size_t)kind < sizeof words / sizeof *words ? words[kind] : words[0];
}

const char *text_of_protection(const Snapback__Image__Mapping *m) {
  static char text[5];
  bool shared = m->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_FILE_SHARED ||
                m->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_SHARED_OBJECT;
  text[0] = m->protection & PROT_READ ? 'r' : '-';
  text[1] = m->protection & PROT_WRITE ? 'w' : '-';
  text[2] = m->protection & PROT_EXEC ? 'x' : '-';
  text[3] = shared ? 's' : 'p';
  return text;
}

// ---- pages ----

uint64_t bytes_held(const struct image *i, uint32_t space, uint64_t start, uint64_t end, uint64_t *ret_zero) {
  size_t count;
  const struct image_extent *x = image_extents(i, space, &count);
  uint64_t held = 0, zero = 0;
  for (size_t n = extents_search(x, count, start); n < count && x[n].start < end; n++) {
    uint64_t from = x[n].start > start ? x[n].start : start, to = x[n].end < end ? x[n].end : end;
    held += to - from;
    zero += x[n].kind == IMAGE_EXTENT_ZERO ? to - from : 0;
  }
  if (ret_zero)
    *ret_zero = zero;
  return held;
}

static const Snapback__Image__SharedObject *object_of(const Snapback__Image__Image *m, uint32_t id) {
  for (size_t n = 0; n < m->n_shared_object; n++)
    if (m->shared_object[n]->id == id)
      return m->shared_object[n];
  return NULL;
}

bool mapping_space(const struct image *i, const Snapback__Image__Process *p, const Snapback__Image__Mapping *m,
                   uint32_t *ret_space, uint64_t *ret_address) {
  const Snapback__Image__SharedObject *object = NULL;
  switch (m->kind) {
  case SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_ANONYMOUS:
  case SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_FILE_PRIVATE:
    *ret_space = p->space;
    *ret_address = m->start;
    return true;
  case SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_SHARED_OBJECT:
    object = object_of(image_metadata(i), m->shared_object);
    *ret_space = object ? object->space : 0;
    *ret_address = m->offset;
    return object != NULL;
  default:
    return false;
  }
}
