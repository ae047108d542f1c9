// SPDX-License-Identifier: EPL-2.0
// The controlling terminal of a session (setsid(2)) inside ours, and the process group in its foreground.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "trace/executor.h"

struct controlling_terminal {
  bool leads;        // the process leads a session that has one
  int number;        // of the pseudo-terminal
  pid_t foreground;  // 0: unknown
};

struct descriptors;

void controlling_terminal_capture(pid_t pid, struct controlling_terminal *ret);
// Gives it to a session that has no other; the terminal is made anew if it has to be.
int controlling_terminal_give(struct executor *x, const struct controlling_terminal *t, struct error *e);
// All descriptors of the process are in place.
int controlling_terminal_put_back(struct executor *x, const struct descriptors *all, struct error *e);
// All processes are in place: the foreground group is one of them.
int controlling_terminal_settle(struct executor *x, const struct descriptors *all, struct error *e);
