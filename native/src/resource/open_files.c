// SPDX-License-Identifier: EPL-2.0
// Open files, told apart by the kernel's comparison, which also tells an order (kcmp(2)).
#include "resource/open_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/calls.h"

// As strcmp. Of two of one inode the kernel tells an order: 1 is less, 2 is greater.
static int compare(const struct open_file *met, pid_t pid, const struct descriptor *d) {
  if (met->device != d->stat.st_dev)
    return met->device < d->stat.st_dev ? -1 : 1;
  if (met->inode != d->stat.st_ino)
    return met->inode < d->stat.st_ino ? -1 : 1;
  int order = kernel_same_file(met->pid, met->fd, pid, d->fd);
  return order == 0 ? 0 : order == 1 ? -1 : 1;
}

static struct open_file *insert(struct open_files *all, size_t at, pid_t pid, const struct descriptor *d) {
  array_reserve(all->item, all->count, all->capacity);
  memmove(&all->item[at + 1], &all->item[at], (all->count - at) * sizeof *all->item);
  all->count++;
  all->item[at] = (struct open_file){
      .device = d->stat.st_dev, .inode = d->stat.st_ino, .pid = pid, .fd = d->fd, .number = (uint32_t)all->count};
  return &all->item[at];
}

struct open_file *open_files_find(struct open_files *all, pid_t pid, const struct descriptor *d) {
  size_t low = 0;
  for (size_t high = all->count; low < high;) {
    size_t middle = (low + high) / 2;
    int order = compare(&all->item[middle], pid, d);
    if (order == 0)
      return &all->item[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return insert(all, low, pid, d);
}

void open_files_done(struct open_files *all) {
  free(all->item);
  *all = (struct open_files){0};
}
