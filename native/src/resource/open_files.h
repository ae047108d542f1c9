// SPDX-License-Identifier: EPL-2.0
// Open files, told apart whoever has them, and found again in as many steps as a sorted table takes.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "resource/descriptors.h"

struct open_file {
  uint64_t device, inode;
  pid_t pid;  // who was met with it first, and its number there
  int fd;
  uint32_t number;  // in the order in which they were met, from 1
  uint32_t users;   // for whoever counts them
};
struct open_files {
  struct open_file *item;  // sorted
  size_t count, capacity;
};

// The open file of a living descriptor of `pid`, which is added where it has not been met yet. Valid until the next
// call.
struct open_file *open_files_find(struct open_files *all, pid_t pid, const struct descriptor *d);
void open_files_done(struct open_files *all);
