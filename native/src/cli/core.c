// SPDX-License-Identifier: EPL-2.0
// `snapback core`: a core file of an image, for any debugger.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/elf_classes.h"
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
static bool is_narrow(const struct core *c) { return c->process->narrow; }

static size_t headers_size(const struct core *c) {
  return elf_size_of_header(is_narrow(c)) + header_count(c) * elf_size_of_segment(is_narrow(c)) +
         (header_count(c) >= PN_XNUM ? elf_size_of_section(is_narrow(c)) : 0);
}

static uint64_t memory_offset(const struct core *c) {
  return (headers_size(c) + c->notes_size + IMAGE_PAGE - 1) / IMAGE_PAGE * IMAGE_PAGE;
}

static void fill_header(const struct core *c, unsigned char *bytes) {
  const bool narrow = is_narrow(c);
  const Elf64_Shdr many = {.sh_info = (Elf64_Word)header_count(c)};
  Elf64_Ehdr h = {.e_type = ET_CORE,
                  .e_machine = narrow ? EM_386 : EM_X86_64,
                  .e_version = EV_CURRENT,
                  .e_phoff = elf_size_of_header(narrow),
                  .e_ehsize = (Elf64_Half)elf_size_of_header(narrow),
                  .e_phentsize = (Elf64_Half)elf_size_of_segment(narrow),
                  .e_phnum = (Elf64_Half)header_count(c)};
  memcpy(h.e_ident, ELFMAG, SELFMAG);
  h.e_ident[EI_CLASS] = narrow ? ELFCLASS32 : ELFCLASS64;
  h.e_ident[EI_DATA] = ELFDATA2LSB;
  h.e_ident[EI_VERSION] = EV_CURRENT;
  if (header_count(c) >= PN_XNUM) {
    h.e_phnum = PN_XNUM;
    h.e_shoff = headers_size(c) - elf_size_of_section(narrow);
    h.e_shentsize = (Elf64_Half)elf_size_of_section(narrow);
    h.e_shnum = 1;
    elf_write_section(bytes + h.e_shoff, narrow, &many);
  }
  elf_write_header(bytes, narrow, &h);
}

static Elf64_Word flags_of(const Snapback__Image__Mapping *m) {
  return (m->protection & PROT_READ ? PF_R : 0) | (m->protection & PROT_WRITE ? PF_W : 0) |
         (m->protection & PROT_EXEC ? PF_X : 0);
}

static void fill_segment(const struct core *c, unsigned char *bytes, size_t n, const Elf64_Phdr *segment) {
  const size_t size = elf_size_of_segment(is_narrow(c));
  elf_write_segment(bytes + elf_size_of_header(is_narrow(c)) + n * size, is_narrow(c), segment);
}

// All headers; returns where the file ends.
static uint64_t fill_headers(const struct core *c, unsigned char *bytes) {
  uint64_t at = memory_offset(c);
  const Elf64_Phdr notes = {
      .p_type = PT_NOTE, .p_offset = headers_size(c), .p_filesz = c->notes_size, .p_align = sizeof(Elf64_Word)};
  fill_header(c, bytes);
  fill_segment(c, bytes, 0, &notes);
  for (size_t n = 0; n < c->segments.count; n++) {
    const struct core_segment *s = &c->segments.item[n];
    uint64_t size = s->end - s->start, stored = s->stored ? size : 0;
    const Elf64_Phdr p = {.p_type = PT_LOAD,
                          .p_flags = flags_of(s->mapping),
                          .p_offset = at,
                          .p_vaddr = s->start,
                          .p_filesz = stored,
                          .p_memsz = size,
                          .p_align = IMAGE_PAGE};
    fill_segment(c, bytes, n + 1, &p);
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
