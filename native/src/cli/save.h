// SPDX-License-Identifier: EPL-2.0
// Saving, for the commands that do it.
#pragma once

#include "cli/ask.h"

typedef Snapback__Control__SaveRequest SaveRequest;

// Options as they were given.
struct save_words {
  const char *output, *compress;  // NULL: not given
  bool files, full, with_debugger;
};

// Rows of a command's options that fill `words`.
#define SAVE_OPTION_ROWS(words)                                                     \
  {"output", 'o', &(words).output, NULL}, {"compress", 0, &(words).compress, NULL}, \
      {"files", 0, NULL, &(words).files}, {"full", 0, NULL, &(words).full}, {       \
    "with-debugger", 0, NULL, &(words).with_debugger                                \
  }

// 0, or EXIT_USAGE when it has complained.
int save_options_fill(const struct command *self, const struct save_words *words, SaveRequest *ret);
char *save_path(const char *path);  // from the root; NULL becomes ""
// Shows the progress on a terminal, and then path and size. An interrupt cancels it.
int save_and_report(struct connection *c, SaveRequest *save, struct error *e);
