// SPDX-License-Identifier: EPL-2.0
// The working directory and the file creation mask.
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "trace/executor.h"

struct working_directory {
  int pin;  // O_PATH; -1: none
  dev_t device;
  ino_t inode;
  mode_t umask;
};

int working_directory_capture(pid_t pid, mode_t umask, struct working_directory *ret, struct error *e);
void working_directory_done(struct working_directory *d);
int working_directory_put_back(struct executor *x, const struct working_directory *d, struct error *e);
