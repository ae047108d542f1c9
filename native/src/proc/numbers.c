// SPDX-License-Identifier: EPL-2.0
// Folders of /proc whose entries are numbers.
#include "proc/numbers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"

static int ascending(const void *a, const void *b) {
  const int *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

int numbers_in(const char *path, int **ret, size_t *ret_count) {
  _cleanup_dir_ DIR *dir = opendir(path);
  if (!dir)
    return -errno;
  int *list = NULL;
  size_t count = 0, capacity = 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (!isdigit((unsigned char)entry->d_name[0]))
      continue;
    array_reserve(list, count, capacity);
    list[count++] = atoi(entry->d_name);
  }
  if (count)
    qsort(list, count, sizeof *list, ascending);
  *ret = list;
  *ret_count = count;
  return 0;
}
