// SPDX-License-Identifier: EPL-2.0
// The functions that a loaded ELF object exports.
#include "engine/elf_functions.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/elf_classes.h"
#include "base/memory.h"

struct object {
  const unsigned char *bytes;
  size_t size;
  bool is_narrow;
  uint64_t base;  // the address for which it was linked
  uint64_t symbols, strings, strings_size;
};

static const void *at_offset(const struct object *o, uint64_t at, size_t size) {
  return at > o->size || size > o->size - at ? NULL : o->bytes + at;
}

static bool read_dynamic(struct object *o, const Elf64_Phdr *header) {
  const size_t size = elf_size_of_dynamic(o->is_narrow);
  const void *there;
  Elf64_Dyn entry;
  for (uint64_t at = header->p_offset; (there = at_offset(o, at, size)); at += size) {
    elf_read_dynamic(there, o->is_narrow, &entry);
    if (entry.d_tag == DT_NULL)
      break;
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

// The nth segment, or false.
static bool segment_at(const struct object *o, const Elf64_Ehdr *elf, unsigned n, Elf64_Phdr *ret) {
  const size_t size = elf_size_of_segment(o->is_narrow);
  const void *there = elf->e_phoff < o->size ? at_offset(o, elf->e_phoff + n * size, size) : NULL;
  if (there)
    elf_read_segment(there, o->is_narrow, ret);
  return there;
}

static bool read_headers(struct object *o) {
  Elf64_Ehdr elf;
  Elf64_Phdr header;
  bool dynamic = false;
  if (!elf_read_header(o->bytes, o->size, &elf, &o->is_narrow))
    return false;
  for (unsigned i = 0; i < elf.e_phnum; i++)
    if (segment_at(o, &elf, i, &header) && header.p_type == PT_LOAD && !header.p_offset)
      o->base = header.p_vaddr;
  for (unsigned i = 0; i < elf.e_phnum; i++)
    if (segment_at(o, &elf, i, &header) && header.p_type == PT_DYNAMIC)
      dynamic = read_dynamic(o, &header);
  return dynamic;
}

static bool is_function(const struct object *o, const Elf64_Sym *symbol) {
  bool is_code = ELF64_ST_TYPE(symbol->st_info) == STT_FUNC || ELF64_ST_TYPE(symbol->st_info) == STT_NOTYPE;
  return is_code && symbol->st_shndx != SHN_UNDEF && symbol->st_shndx < SHN_LORESERVE &&
         symbol->st_name < o->strings_size && symbol->st_value - o->base < o->size;
}

int elf_functions_read(const unsigned char *bytes, size_t size, struct elf_functions *ret) {
  struct object o = {.bytes = bytes, .size = size};
  Elf64_Sym symbol;
  *ret = (struct elf_functions){0};
  if (!read_headers(&o))
    return -EBADMSG;
  const size_t step = elf_size_of_symbol(o.is_narrow);
  for (uint64_t at = o.symbols; at + step <= o.strings; at += step) {
    elf_read_symbol(bytes + at, o.is_narrow, &symbol);
    if (!is_function(&o, &symbol))
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
