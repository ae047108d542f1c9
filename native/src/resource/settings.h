// SPDX-License-Identifier: EPL-2.0
// Settings of prctl(2) and the like as a table: how each is read and set by an injected call.
#pragma once

#include "resource/attributes.h"

struct setting_row {
  const char *name;  // for a sentence
  long call;
  uint64_t get, set;
  bool is_stored;   // the call stores the value, it does not return it
  bool has_prefix;  // the call that sets it takes `prefix` before the value
  uint64_t prefix;
  bool has_flags;  // bit 0 is the value, the others are flags beside it
  uint64_t only;   // values up to this one can be set
};

extern const struct setting_row thread_settings[THREAD_SETTINGS], process_settings[PROCESS_SETTINGS];

struct settings_reading settings_add_reading(struct batch *b, const struct setting_row *rows, size_t count);
void settings_take(const struct batch *b, const struct settings_reading *r, const struct setting_row *rows,
                   size_t count, struct setting *ret);
void settings_add(struct batch *b, const struct setting_row *rows, size_t count, const struct setting *then);
void settings_compare(const struct setting_row *rows, size_t count, const struct setting *now,
                      const struct setting *then, struct shortfalls *s);
