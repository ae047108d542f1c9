// SPDX-License-Identifier: EPL-2.0
// `snapback core`: a core file of an image, for any debugger.
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/core_notes.h"
#include "cli/core_segments.h"
#include "cli/image_words.h"

typedef Snapback__Image__Process Process;

// The file: header, program headers (the notes first), notes, memory from the next page on.
struct core {
  const struct image *image;
  const Process *process;
  struct core_segments segments;
  unsigned char *notes;
  size_t notes_size;
  struct new_file file;
};

static size_t header_count(const struct core *c) { return c->segments.count + 1; }

// Where more segments are than its field has room for, a section header that is none tells their number.
static size_t headers_size(const struct core *c) {
  return sizeof(Elf64_Ehdr) + header_count(c) * sizeof(Elf64_Phdr) +
         (header_count(c) >= PN_XNUM ? sizeof(Elf64_Shdr) : 0);
}

static uint64_t memory_offset(const struct core *c) {
  return (headers_size(c) + c->notes_size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;
}

static void fill_header(const struct core *c, Elf64_Ehdr *h, Elf64_Shdr *many) {
  memcpy(h->e_ident, ELFMAG, SELFMAG);
  h->e_ident[EI_CLASS] = ELFCLASS64;
  h->e_ident[EI_DATA] = ELFDATA2LSB;
  h->e_ident[EI_VERSION] = EV_CURRENT;
  h->e_type = ET_CORE;
  h->e_machine = EM_X86_64;
  h->e_version = EV_CURRENT;
  h->e_phoff = h->e_ehsize = sizeof *h;
  h->e_phentsize = sizeof(Elf64_Phdr);
  h->e_phnum = (Elf64_Half)header_count(c);
  if (header_count(c) < PN_XNUM)
    return;
  h->e_phnum = PN_XNUM;
  h->e_shoff = headers_size(c) - sizeof *many;
  h->e_shentsize = sizeof *many;
  h->e_shnum = 1;
  many->sh_info = (Elf64_Word)header_count(c);
}

static Elf64_Word flags_of(const Snapback__Image__Mapping *m) {
  return (m->protection & PROT_READ ? PF_R : 0) | (m->protection & PROT_WRITE ? PF_W : 0) |
         (m->protection & PROT_EXEC ? PF_X : 0);
}

// All headers; returns where the file ends.
static uint64_t fill_headers(const struct core *c, unsigned char *bytes) {
  Elf64_Phdr *p = (Elf64_Phdr *)(void *)(bytes + sizeof(Elf64_Ehdr));
  uint64_t at = memory_offset(c);
  fill_header(c, (Elf64_Ehdr *)(void *)bytes, (Elf64_Shdr *)(void *)(bytes + headers_size(c) - sizeof(Elf64_Shdr)));
  p[0] = (Elf64_Phdr){
      .p_type = PT_NOTE, .p_offset = headers_size(c), .p_filesz = c->notes_size, .p_align = sizeof(Elf64_Word)};
  for (size_t n = 0; n < c->segments.count; n++) {
    const struct core_segment *s = &c->segments.item[n];
    uint64_t size = s->end - s->start, stored = s->stored ? size : 0;
    p[n + 1] = (Elf64_Phdr){.p_type = PT_LOAD,
                            .p_flags = flags_of(s->mapping),
                            .p_offset = at,
                            .p_vaddr = s->start,
                            .p_filesz = stored,
                            .p_memsz = size,
                            .p_align = IMAGE_PAGE};
    at += stored;
  }
  return at;
}

static int write_memory(struct core *c, struct error *e) {
  uint64_t at = memory_offset(c);
  for (size_t n = 0; n < c->segments.count; n++) {
    const struct core_segment *s = &c->segments.item[n];
    if (!s->stored)
      continue;
    if (core_segment_write(c->image, c->process, s, &c->file, at, e))
      return -1;
    at += s->end - s->start;
  }
  return 0;
}

static int write_file(struct core *c, struct error *e) {
  size_t size = headers_size(c);
  _cleanup_free_ unsigned char *headers = must_alloc(size);
  uint64_t end = fill_headers(c, headers);
  int r = new_file_write(&c->file, headers, size, 0);
  if (r == 0)
    r = new_file_write(&c->file, c->notes, c->notes_size, size);
  if (r == 0 && ftruncate(c->file.fd, (off_t)end))
    r = -errno;
  if (r)
    return error_set_errno(e, r, "cannot write %s", c->file.path);
  return write_memory(c, e) || new_file_keep(&c->file, e) ? -1 : 0;
}

static int make_core(const struct image *i, const Process *p, const char *path, struct error *e) {
  struct core c = {.image = i, .process = p};
  if (new_file_open(path, &c.file, e))
    return -1;
  core_segments_list(i, p, &c.segments);
  c.notes = core_notes(image_metadata(i), p, &c.notes_size);
  int r = write_file(&c, e);
  core_segments_done(&c.segments);
  free(c.notes);
  new_file_done(&c.file);
  return r;
}

// ---- the command ----

// Without a number: the first that is no debugger.
static const Process *process_named(const struct image *i, unsigned long pid) {
  const Snapback__Image__Image *m = image_metadata(i);
  for (size_t n = 0; n < m->n_process; n++)
    if (pid ? (unsigned long)m->process[n]->pid == pid : !m->process[n]->is_debugger)
      return m->process[n];
  return pid ? NULL : m->process[0];
}

static int run(const struct command *self, int argc, char **argv) {
  const char *folder = NULL, *output = NULL, *process = "0";
  const struct option_row rows[] = {{.name = "output", .letter = 'o', .value = &output},
                                    {.name = "process", .value = &process},
                                    {.name = "image-folder", .value = &folder},
                                    {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  unsigned long pid = 0;
  if (r)
    return r;
  if (argc != 1 || !output)
    return command_usage_error(self, "core takes one image, and -o with the file to write");
  if (command_number(process, INT32_MAX, &pid))
    return command_usage_error(self, "core: '%s' is no process number", process);
  _cleanup_image_ struct image *i = NULL;
  struct error e = {0};
  if (image_open_whole(argv[0], folder, &i, &e))
    return command_failed(&e);
  const Process *p = process_named(i, pid);
  if (!p)
    (void)error_set(&e, ERROR_FAILED, "%s holds no process %lu", argv[0], pid);
  if (!p || make_core(i, p, output, &e))
    return command_failed(&e);
  return EXIT_OK;
}

const struct command command_core = {
    .name = "core",
    .usage = "[--process PID] [--image-folder FOLDER] IMAGE -o FILE",
    .summary = "Write a core file of an image, for any debugger",
    .help = "gdb PROGRAM FILE then shows threads, stacks and memory as they were.\n\n"
            "  -o, --output FILE          the core file\n"
            "      --process PID          of which process; the program when it is left out\n"
            "      --image-folder FOLDER  where else to look for the images that it builds on\n",
    .run = run,
};
