// SPDX-License-Identifier: EPL-2.0
// Images made for tests.
#include "sample_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static uint64_t next_number(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void fill(unsigned char *page, uint64_t seed) {
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1, kind = next_number(&state) % 4;
  memset(page, 0, IMAGE_PAGE);
  for (size_t i = 0; i < IMAGE_PAGE && kind; i += 8) {
    uint64_t n = kind == 1 ? next_number(&state) : 0x2020202020202020u + (next_number(&state) & 0x0f000000000f);
    memcpy(page + i, &n, 8);
  }
}

void sample_fill_page(struct sample *s, size_t page, unsigned seed) { fill(s->bytes + page * IMAGE_PAGE, seed); }

struct sample sample_new(size_t pages, unsigned seed) {
  struct sample s = {pages, must_alloc(pages * IMAGE_PAGE), must_alloc(SAMPLE_OBJECT_PAGES * IMAGE_PAGE)};
  for (size_t i = 0; i < pages; i++)
    sample_fill_page(&s, i, seed + (unsigned)i);
  for (size_t i = 0; i < SAMPLE_OBJECT_PAGES; i++)
    fill(s.object + i * IMAGE_PAGE, seed * 31 + i);
  return s;
}

void sample_done(struct sample *s) {
  free(s->bytes);
  free(s->object);
}

int sample_read(void *sample, uint64_t address, void *bytes, size_t size) {
  memcpy(bytes, ((struct sample *)sample)->bytes + (address - SAMPLE_START), size);
  return 0;
}

int sample_read_object(void *sample, uint64_t address, void *bytes, size_t size) {
  memcpy(bytes, ((struct sample *)sample)->object + address, size);
  return 0;
}

// ---- metadata ----

#define NEW(type, name)                                     \
  Snapback__Image__##type *name = must_alloc(sizeof *name); \
  snapback__image__##name##__init(name)

#define ADD(parent, list, element)                                                                 \
  do {                                                                                             \
    (parent)->list = must_realloc((parent)->list, (parent)->n_##list + 1, sizeof *(parent)->list); \
    (parent)->list[(parent)->n_##list++] = (element);                                              \
  } while (0)

static ProtobufCBinaryData bytes_of(size_t size, int value) {
  ProtobufCBinaryData b = {size, must_alloc(size)};
  memset(b.data, value, size);
  return b;
}

static Snapback__Image__FileIdentity *identity(const char *path) {
  NEW(FileIdentity, file_identity);
  file_identity->path = must_strdup(path);
  file_identity->size = 12345;
  file_identity->modified_ns = 1700000000000000000;
  file_identity->build_id = bytes_of(20, 0xab);
  file_identity->mode = 0100755;
  return file_identity;
}

static void add_mapping(Snapback__Image__Process *p, uint64_t start, uint64_t end, int kind, const char *name) {
  NEW(Mapping, mapping);
  mapping->start = start;
  mapping->end = end;
  mapping->protection = 3;
  mapping->kind = (Snapback__Image__MappingKind)kind;
  mapping->name = must_strdup(name);
  if (kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_FILE_PRIVATE)
    mapping->file = identity(name);
  if (kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_SHARED_OBJECT)
    mapping->shared_object = 1;
  ADD(p, mapping, mapping);
}

static void add_mappings(Snapback__Image__Process *p, uint64_t end) {
  uint64_t middle = SAMPLE_START + (end - SAMPLE_START) / 2 / IMAGE_PAGE * IMAGE_PAGE;
  if (middle > SAMPLE_START)
    add_mapping(p, SAMPLE_START, middle, SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_FILE_PRIVATE, "/opt/program");
  add_mapping(p, middle, end, SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_ANONYMOUS, "[heap]");
  add_mapping(p, end + 0x1000000, end + 0x1000000 + SAMPLE_OBJECT_PAGES * IMAGE_PAGE,
              SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_SHARED_OBJECT, "/memfd:sample (deleted)");
  add_mapping(p, 0x7fff00000000, 0x7fff00002000, SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_KERNEL, "[vdso]");
}

static void add_thread(Snapback__Image__Process *p, int tid) {
  NEW(Thread, thread);
  thread->tid = tid;
  thread->name = must_strdup("worker");
  thread->registers = bytes_of(216, tid);
  thread->extended = bytes_of(1024, tid);
  thread->pc = SAMPLE_START + 0x10;
  thread->sp = SAMPLE_START + 0x100;
  thread->syscall = must_strdup("futex");
  ADD(p, thread, thread);
}

static void add_open_file(Snapback__Image__Image *m, int kind) {
  NEW(OpenFile, open_file);
  open_file->id = (uint32_t)m->n_open_file + 1;
  open_file->kind = (Snapback__Image__OpenFileKind)kind;
  open_file->pipe = open_file->shared_object = 1;
  open_file->file = identity("/tmp/data");
  ADD(m, open_file, open_file);
  NEW(Descriptor, descriptor);
  descriptor->number = (int32_t)m->n_open_file;
  descriptor->open_file = open_file->id;
  ADD(m->process[0], descriptor, descriptor);
}

static void add_shared(Snapback__Image__Image *m) {
  NEW(SharedObject, shared_object);
  shared_object->id = 1;
  shared_object->kind = SNAPBACK__IMAGE__SHARED_OBJECT_KIND__SHARED_OBJECT_KIND_MEMFD;
  shared_object->name = must_strdup("sample");
  shared_object->size = SAMPLE_OBJECT_PAGES * IMAGE_PAGE - 100;
  shared_object->space = SAMPLE_OBJECT_SPACE;
  ADD(m, shared_object, shared_object);
  NEW(Pipe, pipe);
  pipe->id = 1;
  pipe->capacity = 65536;
  pipe->content = bytes_of(11, 'p');
  ADD(m, pipe, pipe);
}

static void add_process(Snapback__Image__Image *m, uint64_t end) {
  NEW(Process, process);
  process->pid = 5001;
  process->space = SAMPLE_SPACE;
  process->executable = identity("/opt/program");
  process->working_directory = must_strdup("/");
  process->auxiliary_vector = bytes_of(320, 7);
  process->signal_actions = bytes_of(2080, 0);
  NEW(MemoryFields, memory_fields);
  process->memory_fields = memory_fields;
  add_mappings(process, end);
  add_thread(process, 5001);
  add_thread(process, 5002);
  ADD(m, process, process);
}

Snapback__Image__Image *sample_metadata(size_t pages) {
  NEW(Image, image);
  image->writer = must_strdup("snapback test");
  image->session = must_strdup("sample-1");
  image->taken_ms = 1700000000000;
  image->snapshot = 3;
  ADD(image, command, must_strdup("/opt/program"));
  NEW(Machine, machine);
  machine->architecture = must_strdup("x86_64");
  machine->page_size = IMAGE_PAGE;
  machine->vdso = bytes_of(2 * IMAGE_PAGE, 0xcc);
  image->machine = machine;
  add_process(image, SAMPLE_START + pages * IMAGE_PAGE);
  add_shared(image);
  for (int kind = SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_FILE;
       kind <= SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PROC; kind++)
    add_open_file(image, kind);
  return image;
}

// ---- writing ----

static int refer_or_add(struct image_writer *w, const struct sample *s, const struct image *parent,
                        const struct sample *before, struct error *e) {
  for (size_t i = 0; i < s->pages; i++) {
    size_t at = i * IMAGE_PAGE;
    uint64_t address = SAMPLE_START + at;
    if (!parent || i >= before->pages || memcmp(s->bytes + at, before->bytes + at, IMAGE_PAGE) != 0)
      image_writer_add(w, SAMPLE_SPACE, address, address + IMAGE_PAGE);
    else if (image_writer_refer(w, SAMPLE_SPACE, address, address + IMAGE_PAGE, parent, e))
      return -1;
  }
  image_writer_add(w, SAMPLE_OBJECT_SPACE, 0, SAMPLE_OBJECT_PAGES * IMAGE_PAGE);
  return 0;
}

int sample_write(struct sample *s, const struct image_writer_options *options, const struct image *parent,
                 const struct sample *before, struct error *e) {
  struct image_writer *w = NULL;
  const struct image_source sources[] = {{SAMPLE_SPACE, sample_read, s}, {SAMPLE_OBJECT_SPACE, sample_read_object, s}};
  Snapback__Image__Image *m = sample_metadata(s->pages);
  int r = image_writer_open(options, &w, e) || refer_or_add(w, s, parent, before, e) ||
                  image_writer_write(w, sources, 2, e) || image_writer_finish(w, m, NULL, e)
              ? -1
              : 0;
  image_writer_free(w);
  snapback__image__image__free_unpacked(m, NULL);
  return r;
}
