// SPDX-License-Identifier: EPL-2.0
// ELF files of either class: what 32-bit ones have, as 64-bit ones have it.
#include "base/elf_classes.h"

#include <string.h>

static void widen_header(const Elf32_Ehdr *from, Elf64_Ehdr *ret) {
  *ret = (Elf64_Ehdr){.e_type = from->e_type,
                      .e_machine = from->e_machine,
                      .e_version = from->e_version,
                      .e_entry = from->e_entry,
                      .e_phoff = from->e_phoff,
                      .e_shoff = from->e_shoff,
                      .e_flags = from->e_flags,
                      .e_ehsize = from->e_ehsize,
                      .e_phentsize = from->e_phentsize,
                      .e_phnum = from->e_phnum,
                      .e_shentsize = from->e_shentsize,
                      .e_shnum = from->e_shnum,
                      .e_shstrndx = from->e_shstrndx};
  memcpy(ret->e_ident, from->e_ident, sizeof ret->e_ident);
}

bool elf_read_header(const void *bytes, size_t size, Elf64_Ehdr *ret, bool *ret_is_narrow) {
  const unsigned char *ident = bytes;
  if (size < sizeof(Elf32_Ehdr) || memcmp(ident, ELFMAG, SELFMAG) != 0 || ident[EI_DATA] != ELFDATA2LSB)
    return false;
  *ret_is_narrow = ident[EI_CLASS] == ELFCLASS32;
  if (*ret_is_narrow) {
    Elf32_Ehdr narrow;
    memcpy(&narrow, bytes, sizeof narrow);
    widen_header(&narrow, ret);
  } else if (ident[EI_CLASS] == ELFCLASS64 && size >= sizeof *ret) {
    memcpy(ret, bytes, sizeof *ret);
  } else {
    return false;
  }
  return (!ret->e_phnum || ret->e_phentsize == elf_size_of_segment(*ret_is_narrow)) &&
         (!ret->e_shnum || ret->e_shentsize == elf_size_of_section(*ret_is_narrow));
}

void elf_read_segment(const void *bytes, bool is_narrow, Elf64_Phdr *ret) {
  Elf32_Phdr n;
  if (!is_narrow) {
    memcpy(ret, bytes, sizeof *ret);
    return;
  }
  memcpy(&n, bytes, sizeof n);
  *ret = (Elf64_Phdr){.p_type = n.p_type,
                      .p_flags = n.p_flags,
                      .p_offset = n.p_offset,
                      .p_vaddr = n.p_vaddr,
                      .p_paddr = n.p_paddr,
                      .p_filesz = n.p_filesz,
                      .p_memsz = n.p_memsz,
                      .p_align = n.p_align};
}

void elf_read_section(const void *bytes, bool is_narrow, Elf64_Shdr *ret) {
  Elf32_Shdr n;
  if (!is_narrow) {
    memcpy(ret, bytes, sizeof *ret);
    return;
  }
  memcpy(&n, bytes, sizeof n);
  *ret = (Elf64_Shdr){.sh_name = n.sh_name,
                      .sh_type = n.sh_type,
                      .sh_flags = n.sh_flags,
                      .sh_addr = n.sh_addr,
                      .sh_offset = n.sh_offset,
                      .sh_size = n.sh_size,
                      .sh_link = n.sh_link,
                      .sh_info = n.sh_info,
                      .sh_addralign = n.sh_addralign,
                      .sh_entsize = n.sh_entsize};
}

void elf_read_symbol(const void *bytes, bool is_narrow, Elf64_Sym *ret) {
  Elf32_Sym n;
  if (!is_narrow) {
    memcpy(ret, bytes, sizeof *ret);
    return;
  }
  memcpy(&n, bytes, sizeof n);
  *ret = (Elf64_Sym){.st_name = n.st_name,
                     .st_info = n.st_info,
                     .st_other = n.st_other,
                     .st_shndx = n.st_shndx,
                     .st_value = n.st_value,
                     .st_size = n.st_size};
}

void elf_read_dynamic(const void *bytes, bool is_narrow, Elf64_Dyn *ret) {
  Elf32_Dyn n;
  if (!is_narrow) {
    memcpy(ret, bytes, sizeof *ret);
    return;
  }
  memcpy(&n, bytes, sizeof n);
  *ret = (Elf64_Dyn){.d_tag = n.d_tag, .d_un.d_val = n.d_un.d_val};
}

void elf_write_header(void *bytes, bool is_narrow, const Elf64_Ehdr *from) {
  Elf32_Ehdr n = {.e_type = from->e_type,
                  .e_machine = from->e_machine,
                  .e_version = from->e_version,
                  .e_entry = (Elf32_Addr)from->e_entry,
                  .e_phoff = (Elf32_Off)from->e_phoff,
                  .e_shoff = (Elf32_Off)from->e_shoff,
                  .e_flags = from->e_flags,
                  .e_ehsize = from->e_ehsize,
                  .e_phentsize = from->e_phentsize,
                  .e_phnum = from->e_phnum,
                  .e_shentsize = from->e_shentsize,
                  .e_shnum = from->e_shnum,
                  .e_shstrndx = from->e_shstrndx};
  memcpy(n.e_ident, from->e_ident, sizeof n.e_ident);
  memcpy(bytes, is_narrow ? (const void *)&n : from, elf_size_of_header(is_narrow));
}

void elf_write_segment(void *bytes, bool is_narrow, const Elf64_Phdr *from) {
  const Elf32_Phdr n = {.p_type = from->p_type,
                        .p_flags = from->p_flags,
                        .p_offset = (Elf32_Off)from->p_offset,
                        .p_vaddr = (Elf32_Addr)from->p_vaddr,
                        .p_paddr = (Elf32_Addr)from->p_paddr,
                        .p_filesz = (Elf32_Word)from->p_filesz,
                        .p_memsz = (Elf32_Word)from->p_memsz,
                        .p_align = (Elf32_Word)from->p_align};
  memcpy(bytes, is_narrow ? (const void *)&n : from, elf_size_of_segment(is_narrow));
}

void elf_write_section(void *bytes, bool is_narrow, const Elf64_Shdr *from) {
  const Elf32_Shdr n = {.sh_name = from->sh_name,
                        .sh_type = from->sh_type,
                        .sh_flags = (Elf32_Word)from->sh_flags,
                        .sh_addr = (Elf32_Addr)from->sh_addr,
                        .sh_offset = (Elf32_Off)from->sh_offset,
                        .sh_size = (Elf32_Word)from->sh_size,
                        .sh_link = from->sh_link,
                        .sh_info = from->sh_info,
                        .sh_addralign = (Elf32_Word)from->sh_addralign,
                        .sh_entsize = (Elf32_Word)from->sh_entsize};
  memcpy(bytes, is_narrow ? (const void *)&n : from, elf_size_of_section(is_narrow));
}
