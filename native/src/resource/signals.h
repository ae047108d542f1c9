// SPDX-License-Identifier: EPL-2.0
// What a process does on each signal.
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "trace/executor.h"

enum { SIGNALS = 64 };

// struct sigaction as the kernel has it.
struct signal_action {
  uint64_t handler, flags, restorer, mask;
};
struct signal_actions {
  struct signal_action action[SIGNALS + 1];  // by number; 0 is not used
};

int signal_actions_read(struct executor *x, struct signal_actions *ret, struct error *e);
int signal_actions_set(struct executor *x, const struct signal_actions *actions, struct error *e);
