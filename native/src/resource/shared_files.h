// SPDX-License-Identifier: EPL-2.0
// Open files that several processes of a session share, with their offset: which they are, and how they stay one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "resource/descriptors.h"
#include "resource/open_files.h"

// ---- while a session is captured ----

struct file_census {
  struct open_files met;
  bool is_settled;  // sorted by number
};

// Gives the open files of a process that is held their numbers, those that others have already the same ones.
void file_census_add(struct file_census *c, pid_t pid, struct descriptors *d);
// Takes the numbers back of those that only one process has. Once all have been added.
void file_census_settle(struct file_census *c, struct descriptors *d);
void file_census_done(struct file_census *c);

// ---- while it is put back ----

// The open file that all get, by its number: our own descriptor of it, until the end; -1: not chosen yet.
struct shared_files {
  int *fd;
  size_t count;
  struct open_files met;  // those chosen
  pid_t made;             // a process that has its parent's descriptors for now; 0: none
};

// Chooses what a process still has of them.
void shared_files_find(struct shared_files *f, pid_t pid, const struct descriptors *then);
void shared_files_choose(struct shared_files *f, uint32_t number, int fd);                   // makes a copy of its own
bool shared_files_chosen(const struct shared_files *f, uint32_t number, pid_t pid, int fd);  // this is the one
bool shared_files_take(const struct shared_files *f, uint32_t number, int *ret);             // a copy, if there is one
void shared_files_done(struct shared_files *f);
