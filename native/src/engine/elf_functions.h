// SPDX-License-Identifier: EPL-2.0
// The functions that a loaded ELF object exports (a vdso), by name.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct elf_function {
  const char *name;  // in the bytes that were read
  uint64_t offset, size;
};

struct elf_functions {
  struct elf_function *item;
  size_t count, capacity;
};

// `bytes`: the object as it is in memory; they may come from an image and hold anything. 0 or -EBADMSG.
int elf_functions_read(const unsigned char *bytes, size_t size, struct elf_functions *ret);
void elf_functions_done(struct elf_functions *f);
const struct elf_function *elf_functions_find(const struct elf_functions *f, const char *name);  // NULL: none
