// SPDX-License-Identifier: EPL-2.0
// /proc/PID/maps: the mappings of a process, in order of address.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mapping {
  uint64_t start, end;     // bytes, whole pages
  uint64_t offset;         // of `start` in the file
  uint64_t device, inode;  // inode 0: no file
  int protection;          // PROT_READ | …
  bool shared;
  const char *name;  // path, [stack], [heap]…; "" for none; belongs to the list
};

struct mappings {
  struct mapping *item;
  size_t count;
  char *text;
};

// Parses `text` (NUL-ended, taken over by the list also on failure). 0 or -EBADMSG.
int mappings_parse(char *text, struct mappings *ret);
int mappings_read(pid_t pid, struct mappings *ret);  // 0 or -errno
uint64_t mappings_pages(pid_t pid);                  // how many pages all of them have; 0: unknown
void mappings_done(struct mappings *m);

// Leaves [start, end) out of the list, cutting what lies across its borders.
void mappings_cut(struct mappings *m, uint64_t start, uint64_t end);

const struct mapping *mappings_at(const struct mappings *m, uint64_t address);

// [vdso], [vvar…], [vsyscall]: made by the kernel, the same in every copy of a process.
bool mapping_is_special(const struct mapping *m);
