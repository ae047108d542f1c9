// SPDX-License-Identifier: EPL-2.0
// The functions that a loaded ELF object exports.
#include "engine/elf_functions.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct object {
  const unsigned char *bytes;
  size_t size;
  uint64_t base;  // the address for which it was linked
  uint64_t symbols, strings, strings_size;
};

static bool copy(const struct object *o, uint64_t at, void *ret, size_t size) {
  if (at > o->size || size > o->size - at)
    return false;
  memcpy(ret, o->bytes + at, size);
  return true;
}

static bool read_dynamic(struct object *o, const Elf64_Phdr *header) {
  Elf64_Dyn entry;
  for (uint64_t at = header->p_offset; copy(o, at, &entry, sizeof entry) && entry.d_tag != DT_NULL;
       at += sizeof entry) {
    if (entry.d_tag == DT_SYMTAB)
      o->symbols = entry.d_un.d_ptr - o->base;
    else if (entry.d_tag == DT_STRTAB)
      o->strings = entry.d_un.d_ptr - o->base;
    else if (entry.d_tag == DT_STRSZ)
      o->strings_size = entry.d_un.d_val;
  }
  // The symbols end where their names begin.
  return o->symbols && o->strings > o->symbols && o->strings <= o->size && o->strings_size &&
         o->strings_size <= o->size - o->strings && o->bytes[o->strings + o->strings_size - 1] == 0;
}

static bool read_headers(struct object *o) {
  Elf64_Ehdr elf;
  Elf64_Phdr header;
  bool dynamic = false;
  if (!copy(o, 0, &elf, sizeof elf) || memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_phentsize != sizeof header)
    return false;
  for (unsigned i = 0; i < elf.e_phnum; i++)
    if (copy(o, elf.e_phoff + i * sizeof header, &header, sizeof header) && header.p_type == PT_LOAD &&
        !header.p_offset)
      o->base = header.p_vaddr;
  for (unsigned i = 0; i < elf.e_phnum; i++)
    if (copy(o, elf.e_phoff + i * sizeof header, &header, sizeof header) && header.p_type == PT_DYNAMIC)
      dynamic = read_dynamic(o, &header);
  return dynamic;
}

int elf_functions_read(const unsigned char *bytes, size_t size, struct elf_functions *ret) {
  struct object o = {.bytes = bytes, .size = size};
  Elf64_Sym symbol;
  *ret = (struct elf_functions){0};
  if (!read_headers(&o))
    return -EBADMSG;
  for (uint64_t at = o.symbols; at + sizeof symbol <= o.strings && copy(&o, at, &symbol, sizeof symbol);
       at += sizeof symbol) {
    bool is_function = ELF64_ST_TYPE(symbol.st_info) == STT_FUNC || ELF64_ST_TYPE(symbol.st_info) == STT_NOTYPE;
    if (!is_function || symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE ||
        symbol.st_name >= o.strings_size || symbol.st_value - o.base >= size)
      continue;
    array_reserve(ret->item, ret->count, ret->capacity);
    ret->item[ret->count++] = (struct elf_function){(const char *)bytes + o.strings + symbol.st_name,
                                                    symbol.st_value - o.base, symbol.st_size};
  }
  return 0;
}

void elf_functions_done(struct elf_functions *f) {
  free(f->item);
  *f = (struct elf_functions){0};
}

const struct elf_function *elf_functions_find(const struct elf_functions *f, const char *name) {
  for (size_t i = 0; i < f->count; i++)
    if (strcmp(f->item[i].name, name) == 0)
      return &f->item[i];
  return NULL;
}
