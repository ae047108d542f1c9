// SPDX-License-Identifier: EPL-2.0
// A command's own options, as a table.
#pragma once

#include <stdbool.h>

#include "cli/command.h"

// `--name VALUE`, `--name=VALUE` and `-l VALUE` set `*value`; without `value`, `--name` and `-l` set `*flag`.
enum { OPTION_REPEATS = 1, OPTION_VALUES = 64 };
struct option_row {
  const char *name;
  char letter;         // 0: none; OPTION_REPEATS: none, and it may be given several times
  const char **value;  // of one that repeats: OPTION_VALUES + 1 of them, NULL behind the last
  bool *flag;
};

// Parses up to the first argument that is no option (with `mixed`, options behind arguments too) and takes what it has
// parsed out of argc and argv, argv[0] included. 0, or EXIT_USAGE when it has complained. The table ends with a row
// without a name.
int options_parse(const struct command *c, const struct option_row *rows, bool mixed, int *argc, char ***argv);
