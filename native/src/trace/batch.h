// SPDX-License-Identifier: EPL-2.0
// The inside of a batch, for the executors.
#pragma once

#include "trace/executor.h"

struct call {
  long number;
  struct arg args[6];
  int64_t result;
};

struct pointer {
  size_t at, to;
};

struct batch {
  struct call calls[BATCH_CALLS];
  unsigned calls_count;
  unsigned char *memory;
  size_t used;
  struct pointer *pointers;
  unsigned pointers_count, pointers_capacity;
};

// Writes the addresses of announced pointers, for a memory that starts at `base`.
void batch_set_pointers(struct batch *b, uint64_t base);
uint64_t batch_argument(const struct arg *a, uint64_t base);

int batch_run_here(struct batch *b);  // in this process; here.c
