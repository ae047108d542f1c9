// SPDX-License-Identifier: EPL-2.0
// Memory that is kept from being swapped: mlock(2), mlockall(2). No clone inherits it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "trace/executor.h"

struct locked_range {
  uint64_t start, end;
  bool on_fault;  // only what is there already
};

struct memory_locks {
  struct locked_range *item;  // in order of address
  size_t count, capacity;
  bool future, future_on_fault;  // what will be mapped, too
};

// `x` has its area in the process, which shows what becomes of new mappings.
int memory_locks_read(struct executor *x, struct memory_locks *ret, struct error *e);
void memory_locks_done(struct memory_locks *l);
// Returns 1 if the limit forbids to lock all again.
int memory_locks_put_back(struct executor *x, const struct memory_locks *then, struct error *e);
