// SPDX-License-Identifier: EPL-2.0
// The one error object: filled once, where the meaning is known, and handed up to whoever tells the user.
#pragma once

#include <stdarg.h>

enum error_code {
  ERROR_NONE = 0,
  ERROR_BAD_REQUEST = 1,
  ERROR_NO_SUCH_SNAPSHOT = 2,
  ERROR_REFUSED = 3,  // named in the text; nothing has been touched
  ERROR_BUSY = 4,
  ERROR_CANCELLED = 5,
  ERROR_NO_MEMORY = 6,
  ERROR_NO_PROCESS = 7,
  ERROR_FAILED = 8,
};

// The codes are those of ErrorCode in proto/control.proto.
struct error {
  enum error_code code;
  char text[1024];  // one sentence, without a full stop at its end
};

// Fills `e` (which may be NULL) unless it is filled already; always returns -1, so that a function can end with it.
int error_set(struct error *e, enum error_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

// As error_set(ERROR_FAILED), with ": " and the name of the negative errno `result` behind the text.
// -ENOMEM and -EAGAIN become ERROR_NO_MEMORY.
int error_set_errno(struct error *e, int result, const char *format, ...) __attribute__((format(printf, 3, 4)));
