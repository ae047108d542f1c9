// SPDX-License-Identifier: EPL-2.0
// What a snapshot knows of an inotify(7) set beyond what /proc tells: the files that it watches, with their names.
#pragma once

#include <stdint.h>

#include "resource/find_file.h"

struct watched_file {
  int number;       // watch descriptor
  uint32_t events;  // IN_…
  struct sought_file file;
};

// Each watch takes the next number, so a set is made anew by counting up to its highest.
enum { INOTIFY_NUMBER_MAX = 1 << 22 };

struct inotify_set {
  struct watched_file *item;  // by number
  size_t count;
};
