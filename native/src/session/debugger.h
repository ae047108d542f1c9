// SPDX-License-Identifier: EPL-2.0
// The kind of session that `snapback gdb` makes: what the command line must know of it.
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct restart_order;

// The options of a debugger's session (session_options.kind_options).
struct debugger_options {
  const char *path;                   // of gdb, or its name in PATH
  bool has_python;                    // without, there are no snapshots
  const struct restart_order *image;  // of the program that gdb is to begin with; NULL: none
  bool is_in_image;                   // gdb itself is to come from that image
};

enum { DEBUGGER_OLDEST = 10 };

// Starts gdb for a moment to see what it is. -1: it cannot be used; `*ret_status` is what to exit with.
int debugger_probe(const char *path, struct debugger_options *ret, int *ret_status, struct error *e);
