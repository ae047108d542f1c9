// SPDX-License-Identifier: EPL-2.0
// Names of functions, from the symbol table of an ELF file on disk.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct symbols;

// NULL: there is no such file, it is no ELF file or has no symbols, or it has another size than `size` (0: any).
struct symbols *symbols_open(const char *path, uint64_t size);
void symbols_free(struct symbols *s);  // NULL is fine

// The function whose code lies at this offset in the file, and how far behind its beginning that is. NULL: none.
const char *symbols_find(const struct symbols *s, uint64_t file_offset, uint64_t *ret_distance);
