// SPDX-License-Identifier: EPL-2.0
// Names of functions, from the symbol table of an ELF file. The file may be anything: every size and place is checked.
#include "cli/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

enum { SEGMENTS_MAX = 1024, SECTIONS_MAX = 65536, TABLE_MAX = 256 << 20, ASSEMBLER_MAX = 4096 };

struct symbols {
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

static bool header_usable(const Elf64_Ehdr *h) {
  return memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_ident[EI_CLASS] == ELFCLASS64 &&
         h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_phentsize == sizeof(Elf64_Phdr) && h->e_phnum <= SEGMENTS_MAX &&
         h->e_shentsize == sizeof(Elf64_Shdr);
}

static const Elf64_Shdr *table_of(const Elf64_Shdr *sections, size_t count, uint32_t type) {
  for (size_t i = 0; i < count; i++)
    if (sections[i].sh_type == type && sections[i].sh_entsize == sizeof(Elf64_Sym) && sections[i].sh_link < count)
      return &sections[i];
  return NULL;
}

static bool read_symbols(struct symbols *s, int fd) {
  size_t count = s->header.e_shnum;
  _cleanup_free_ Elf64_Shdr *sections = read_part(fd, s->header.e_shoff, count * sizeof *sections);
  const Elf64_Shdr *table = sections ? table_of(sections, count, SHT_SYMTAB) : NULL;
  if (!table && sections)
    table = table_of(sections, count, SHT_DYNSYM);
  if (!table)
    return false;
  s->count = table->sh_size / sizeof *s->symbols;
  s->symbols = read_part(fd, table->sh_offset, s->count * sizeof *s->symbols);
  s->names_size = sections[table->sh_link].sh_size;
  s->names = read_part(fd, sections[table->sh_link].sh_offset, s->names_size);
  return s->symbols && s->names;
}

static bool read_all(struct symbols *s, int fd, uint64_t size) {
  struct stat st;
  if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (size && (uint64_t)st.st_size != size))
    return false;
  if (fd_pread_all(fd, &s->header, sizeof s->header, 0) || !header_usable(&s->header))
    return false;
  s->segments = read_part(fd, s->header.e_phoff, s->header.e_phnum * sizeof *s->segments);
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
