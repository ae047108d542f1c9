// SPDX-License-Identifier: EPL-2.0
// A command's own options, as a table.
#include "cli/options.h"

#include <getopt.h>
#include <string.h>

enum { ROWS_MAX = 12, FIRST = 256 };

static const struct option_row *row_of(const struct option_row *rows, int result) {
  if (result >= FIRST)
    return rows + (result - FIRST);
  while (rows->name && rows->letter != result)
    rows++;
  return rows;
}

// Where the next value goes; NULL: there are too many.
static const char **place_of(const struct option_row *row) {
  const char **at = row->value;
  if (row->letter != OPTION_REPEATS)
    return at;
  while (*at && at < row->value + OPTION_VALUES)
    at++;
  return *at || at == row->value + OPTION_VALUES ? NULL : at;
}

static void fill(const struct option_row *rows, struct option *longs, char *letters) {
  for (int i = 0; rows[i].name && i < ROWS_MAX; i++) {
    longs[i] = (struct option){rows[i].name, rows[i].value ? required_argument : no_argument, NULL, FIRST + i};
    if (!rows[i].letter || rows[i].letter == OPTION_REPEATS)
      continue;
    *letters++ = rows[i].letter;
    if (rows[i].value)
      *letters++ = ':';
  }
}

int options_parse(const struct command *c, const struct option_row *rows, bool mixed, int *argc, char ***argv) {
  struct option longs[ROWS_MAX + 1] = {0};
  char letters[2 * ROWS_MAX + 4] = {mixed ? ':' : '+', mixed ? 0 : ':'};
  fill(rows, longs, letters + strlen(letters));
  opterr = 0;
  optind = 0;
  for (int result; (result = getopt_long(*argc, *argv, letters, longs, NULL)) != -1;) {
    if (result == '?' || result == ':')
      return command_bad_option(c, *argv, result);
    const struct option_row *row = row_of(rows, result);
    const char **place = row->value ? place_of(row) : NULL;
    if (row->value && !place)
      return command_usage_error(c, "%s: --%s is given too often", c->name, row->name);
    if (place)
      *place = optarg;
    else
      *row->flag = true;
  }
  *argc -= optind;
  *argv += optind;
  return 0;
}
