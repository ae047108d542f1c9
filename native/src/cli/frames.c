// SPDX-License-Identifier: EPL-2.0
// Where the threads of an image stand, by name.
#include "cli/frames.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/image_words.h"

static const struct symbols *symbols_of(struct frame_files *files, const Snapback__Image__FileIdentity *file) {
  for (unsigned i = 0; i < files->count; i++)
    if (strcmp(files->item[i].path, file->path) == 0)
      return files->item[i].symbols;
  if (files->count == FRAME_FILES || file->deleted)
    return NULL;
  struct symbols *s = symbols_open(file->path, file->size);
  files->item[files->count].path = file->path;
  files->item[files->count++].symbols = s;
  return s;
}

static const Snapback__Image__Mapping *mapping_at(const Snapback__Image__Process *p, uint64_t address) {
  for (size_t i = 0; i < p->n_mapping; i++)
    if (address >= p->mapping[i]->start && address < p->mapping[i]->end)
      return p->mapping[i];
  return NULL;
}

struct frame frame_of(struct frame_files *files, const Snapback__Image__Process *p, const Snapback__Image__Thread *t) {
  struct frame f = {.mapping = mapping_at(p, t->pc), .function = "", .offset = t->pc};
  if (!f.mapping)
    return f;
  f.offset = t->pc - f.mapping->start + f.mapping->offset;
  const struct symbols *s = f.mapping->file ? symbols_of(files, f.mapping->file) : NULL;
  uint64_t distance;
  const char *function = s ? symbols_find(s, f.offset, &distance) : NULL;
  if (function) {
    f.function = function;
    f.offset = distance;
  }
  return f;
}

void frame_files_done(struct frame_files *files) {
  for (unsigned i = 0; i < files->count; i++)
    symbols_free(files->item[i].symbols);
  files->count = 0;
}

char *text_of_frame(const struct frame *f) {
  if (!f->mapping)
    return must_format("0x%" PRIx64, f->offset);
  _cleanup_free_ char *name = text_of_mapping_name(f->mapping), *function = text_shown(f->function);
  const char *slash = strrchr(name, '/');
  const char *file = slash ? slash + 1 : *name ? name : "private memory";
  return *function ? must_format("%s+0x%" PRIx64 " in %s", function, f->offset, file)
                   : must_format("%s+0x%" PRIx64, file, f->offset);
}
