// SPDX-License-Identifier: EPL-2.0
// The one error object.
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *e, enum error_code code, const char *format, ...) {
  if (!e || e->code)
    return -1;
  e->code = code;
  va_list args;
  va_start(args, format);
  (void)vsnprintf(e->text, sizeof e->text, format, args);
  va_end(args);
  return -1;
}

int error_set_errno(struct error *e, int result, const char *format, ...) {
  if (!e || e->code)
    return -1;
  e->code = result == -ENOMEM || result == -EAGAIN ? ERROR_NO_MEMORY : ERROR_FAILED;
  va_list args;
  va_start(args, format);
  (void)vsnprintf(e->text, sizeof e->text, format, args);
  va_end(args);
  size_t n = strlen(e->text);
  (void)snprintf(e->text + n, sizeof e->text - n, ": %s", strerror(-result));
  return -1;
}
