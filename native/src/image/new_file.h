// SPDX-License-Identifier: EPL-2.0
// A file that appears whole under its name, or not at all.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct new_file {
  int fd, folder;
  char *path;   // the final one
  char *name;   // in the folder
  char *aside;  // hidden name that the file has for now; NULL: it has none yet
};

int new_file_open(const char *path, struct new_file *ret, struct error *e);
int new_file_write(struct new_file *f, const void *bytes, size_t size, uint64_t at);  // 0 or -errno; any thread
void new_file_push(const struct new_file *f, size_t size,
                   uint64_t at);                         // on its way to the disk already: keep is short
int new_file_keep(struct new_file *f, struct error *e);  // on the disk and under its name
// Removes the hidden files in that folder (of the same path) whose writers were killed.
void new_file_sweep(const char *path);
void new_file_done(struct new_file *f);  // not kept: nothing is left of it
