// SPDX-License-Identifier: EPL-2.0
// The table of segments that the threads of a process share, where a program has made one (x86: modify_ldt(2)).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "trace/executor.h"

struct local_segments {
  unsigned char *bytes;  // entries as the processor has them
  size_t size;
};

// Whether there is a table, as a call of somebody's batch.
unsigned local_segments_add_probe(struct batch *b);
bool local_segments_are_there(const struct batch *b, unsigned probe);

int local_segments_read(struct executor *x, struct local_segments *ret, struct error *e);
// Entries beyond those of then stay as they are: nothing refers to them.
int local_segments_put_back(struct executor *x, const struct local_segments *then, struct error *e);
void local_segments_done(struct local_segments *s);
