// SPDX-License-Identifier: EPL-2.0
// Memory that is there or ends the process.
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p) {
  if (!p) {
    (void)fputs("snapback: out of memory\n", stderr);
    abort();
  }
  return p;
}

void *must_alloc(size_t bytes) { return checked(calloc(1, bytes ? bytes : 1)); }

void *must_realloc(void *p, size_t count, size_t size) { return checked(reallocarray(p, count ? count : 1, size)); }

char *must_strdup(const char *text) { return checked(strdup(text)); }

char *must_format(const char *format, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, format);
  int n = vasprintf(&text, format, args);
  va_end(args);
  return checked(n < 0 ? NULL : text);
}
