// SPDX-License-Identifier: EPL-2.0
// Memory that is there or ends the process: small bookkeeping of the supervisor, never sizes from outside.
#pragma once

#include <stddef.h>

void *must_alloc(size_t bytes);  // zeroed
void *must_realloc(void *p, size_t count, size_t size);
char *must_strdup(const char *text);
char *must_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Makes room for one more element in an array of `*capacity` elements that holds `count`.
#define array_reserve(array, count, capacity)                               \
  do {                                                                      \
    if ((count) == (capacity)) {                                            \
      (capacity) = (capacity) ? (capacity)*2 : 16;                          \
      (array) = must_realloc((array), (size_t)(capacity), sizeof *(array)); \
    }                                                                       \
  } while (0)
