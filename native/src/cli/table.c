// SPDX-License-Identifier: EPL-2.0
// Columns of text, aligned.
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

void table_add(struct table *t, char *text) {
  array_reserve(t->cells, t->count, t->capacity);
  t->cells[t->count++] = text;
}

// Characters of UTF-8, each taken to be one column wide.
static int width(const char *text) {
  int n = 0;
  for (; *text; text++)
    n += (*text & 0xc0) != 0x80;
  return n;
}

void table_print(const struct table *t) {
  int widths[TABLE_COLUMNS_MAX] = {0};
  for (unsigned i = 0; i < t->count; i++)
    if (width(t->cells[i]) > widths[i % t->columns])
      widths[i % t->columns] = width(t->cells[i]);
  for (unsigned i = 0; i < t->count; i++) {
    unsigned column = i % t->columns;
    bool last = column == t->columns - 1;
    int pad = widths[column] - width(t->cells[i]);
    (void)printf("%*s%s%*s", t->right[column] ? pad : 0, "", t->cells[i], t->right[column] || last ? 0 : pad, "");
    (void)fputs(last ? "\n" : "  ", stdout);
  }
}

void table_done(struct table *t) {
  for (unsigned i = 0; i < t->count; i++)
    free(t->cells[i]);
  free(t->cells);
}
