// SPDX-License-Identifier: EPL-2.0
// Names of functions, from the symbol table of an ELF file. The file may be anything: every size and place is checked.
#include "cli/symbols.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/elf_classes.h"
#include "base/file.h"
#include "base/memory.h"

enum { SEGMENTS_MAX = 1024, SECTIONS_MAX = 65536, TABLE_MAX = 256 << 20, ASSEMBLER_MAX = 4096 };

struct symbols {
  bool is_narrow;
  Elf64_Ehdr header;
  Elf64_Phdr *segments;
  Elf64_Sym *symbols;
  size_t count;
  char *names;  // ends with a NUL
  size_t names_size;
};

static void *read_part(int fd, uint64_t offset, uint64_t size) {
  if (size == 0 || size > TABLE_MAX || offset > INT64_MAX - size)
    return NULL;
  char *part = malloc(size + 1);
  if (part && fd_pread_all(fd, part, size, (off_t)offset)) {
    free(part);
    return NULL;
  }
  if (part)
    part[size] = 0;
  return part;
}

// A table of the file, each of `count` entries widened by `widen`. NULL: it cannot be had.
static void *read_table(int fd, uint64_t offset, uint64_t count, size_t from_size, size_t to_size, bool is_narrow,
                        void (*widen)(const void *from, bool is_narrow, void *to)) {
  _cleanup_free_ char *from = count <= TABLE_MAX / to_size ? read_part(fd, offset, count * from_size) : NULL;
  if (!from)
    return NULL;
  char *to = must_alloc(count * to_size);
  for (uint64_t i = 0; i < count; i++)
    widen(from + i * from_size, is_narrow, to + i * to_size);
  return to;
}

static void widen_segment(const void *from, bool is_narrow, void *to) { elf_read_segment(from, is_narrow, to); }
static void widen_section(const void *from, bool is_narrow, void *to) { elf_read_section(from, is_narrow, to); }
static void widen_symbol(const void *from, bool is_narrow, void *to) { elf_read_symbol(from, is_narrow, to); }

static const Elf64_Shdr *table_of(const struct symbols *s, const Elf64_Shdr *sections, size_t count, uint32_t type) {
  for (size_t i = 0; i < count; i++)
    if (sections[i].sh_type == type && sections[i].sh_entsize == elf_size_of_symbol(s->is_narrow) &&
        sections[i].sh_link < count)
      return &sections[i];
  return NULL;
}

static bool read_symbols(struct symbols *s, int fd) {
  size_t count = s->header.e_shnum;
  _cleanup_free_ Elf64_Shdr *sections = read_table(fd, s->header.e_shoff, count, elf_size_of_section(s->is_narrow),
                                                   sizeof *sections, s->is_narrow, widen_section);
  const Elf64_Shdr *table = sections ? table_of(s, sections, count, SHT_SYMTAB) : NULL;
  if (!table && sections)
    table = table_of(s, sections, count, SHT_DYNSYM);
  if (!table)
    return false;
  s->count = table->sh_size / elf_size_of_symbol(s->is_narrow);
  s->symbols = read_table(fd, table->sh_offset, s->count, elf_size_of_symbol(s->is_narrow), sizeof *s->symbols,
                          s->is_narrow, widen_symbol);
  s->names_size = sections[table->sh_link].sh_size;
  s->names = read_part(fd, sections[table->sh_link].sh_offset, s->names_size);
  return s->symbols && s->names;
}

static bool read_all(struct symbols *s, int fd, uint64_t size) {
  unsigned char header[sizeof(Elf64_Ehdr)];
  struct stat st;
  if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (size && (uint64_t)st.st_size != size))
    return false;
  if (fd_pread_all(fd, header, sizeof header, 0) ||
      !elf_read_header(header, sizeof header, &s->header, &s->is_narrow) || s->header.e_phnum > SEGMENTS_MAX)
    return false;
  s->segments = read_table(fd, s->header.e_phoff, s->header.e_phnum, elf_size_of_segment(s->is_narrow),
                           sizeof *s->segments, s->is_narrow, widen_segment);
  return s->segments && read_symbols(s, fd);
}

struct symbols *symbols_open(const char *path, uint64_t size) {
  _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return NULL;
  struct symbols *s = must_alloc(sizeof *s);
  if (read_all(s, fd, size))
    return s;
  symbols_free(s);
  return NULL;
}

void symbols_free(struct symbols *s) {
  if (!s)
    return;
  free(s->segments);
  free(s->symbols);
  free(s->names);
  free(s);
}

// Where the byte at an offset of the file is in the object's own addresses.
static bool address_of(const struct symbols *s, uint64_t offset, uint64_t *ret) {
  for (int i = 0; i < s->header.e_phnum; i++) {
    const Elf64_Phdr *p = &s->segments[i];
    if (p->p_type != PT_LOAD || offset < p->p_offset || offset - p->p_offset >= p->p_filesz)
      continue;
    *ret = p->p_vaddr + (offset - p->p_offset);
    return true;
  }
  return false;
}

static bool is_function(const struct symbols *s, const Elf64_Sym *y) {
  unsigned type = ELF64_ST_TYPE(y->st_info);
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && y->st_shndx != SHN_UNDEF && y->st_name < s->names_size;
}

// The last function that begins at or before the address. Functions written in assembler often have no size.
const char *symbols_find(const struct symbols *s, uint64_t file_offset, uint64_t *ret_distance) {
  uint64_t address;
  const Elf64_Sym *found = NULL;
  if (!address_of(s, file_offset, &address))
    return NULL;
  for (size_t i = 0; i < s->count; i++) {
    const Elf64_Sym *y = &s->symbols[i];
    if (is_function(s, y) && y->st_value <= address &&
        (!found || y->st_value > found->st_value || (y->st_value == found->st_value && !found->st_size)))
      found = y;
  }
  if (!found || address - found->st_value >= (found->st_size ? found->st_size : ASSEMBLER_MAX))
    return NULL;
  *ret_distance = address - found->st_value;
  return s->names + found->st_name;
}
