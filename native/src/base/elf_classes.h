// SPDX-License-Identifier: EPL-2.0
// ELF files of either class: what 32-bit ones have, as 64-bit ones have it.
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

// `is_narrow`: a 32-bit file. The bytes need not be aligned, and are as many as the sizes below say.
bool elf_read_header(const void *bytes, size_t size, Elf64_Ehdr *ret, bool *ret_is_narrow);
void elf_read_segment(const void *bytes, bool is_narrow, Elf64_Phdr *ret);
void elf_read_section(const void *bytes, bool is_narrow, Elf64_Shdr *ret);
void elf_read_symbol(const void *bytes, bool is_narrow, Elf64_Sym *ret);
void elf_read_dynamic(const void *bytes, bool is_narrow, Elf64_Dyn *ret);

static inline size_t elf_size_of_segment(bool is_narrow) { return is_narrow ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr); }
static inline size_t elf_size_of_section(bool is_narrow) { return is_narrow ? sizeof(Elf32_Shdr) : sizeof(Elf64_Shdr); }
static inline size_t elf_size_of_symbol(bool is_narrow) { return is_narrow ? sizeof(Elf32_Sym) : sizeof(Elf64_Sym); }
static inline size_t elf_size_of_dynamic(bool is_narrow) { return is_narrow ? sizeof(Elf32_Dyn) : sizeof(Elf64_Dyn); }

// The other way: into as many bytes as the sizes say. What is too large for 32 bits is cut.
static inline size_t elf_size_of_header(bool is_narrow) { return is_narrow ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr); }
void elf_write_header(void *bytes, bool is_narrow, const Elf64_Ehdr *from);
void elf_write_segment(void *bytes, bool is_narrow, const Elf64_Phdr *from);
void elf_write_section(void *bytes, bool is_narrow, const Elf64_Shdr *from);
