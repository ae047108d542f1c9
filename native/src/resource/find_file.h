// SPDX-License-Identifier: EPL-2.0
// Finding a name for a file that the kernel tells only by its inode: what inotify sets and fanotify groups watch.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "resource/descriptors.h"

enum { SOUGHT_HANDLE_MAX = 128 };

// Owned by whoever seeks.
struct sought_file {
  uint64_t device, inode;
  int handle_type;  // as name_to_handle_at(2) gives it
  size_t handle_size;
  unsigned char handle[SOUGHT_HANDLE_MAX];
  char *path;  // NULL: not found
  int pin;     // O_PATH, -1: not found
  bool is_news;
};

// Looks for all of them: by handle where that is allowed, else where the process is at home, with a bound.
void files_find(pid_t pid, const struct descriptors *all, struct sought_file *list, size_t count);
void sought_file_done(struct sought_file *f);
