// SPDX-License-Identifier: EPL-2.0
// Columns of text, aligned.
#pragma once

#include <stdbool.h>

enum { TABLE_COLUMNS_MAX = 8 };

struct table {
  unsigned columns;
  bool right[TABLE_COLUMNS_MAX];  // aligned to the right
  char **cells;
  unsigned count, capacity;
};

// Takes the text over. Cells fill the rows from left to right.
void table_add(struct table *t, char *text);
void table_print(const struct table *t);
void table_done(struct table *t);
