// SPDX-License-Identifier: EPL-2.0
// Running on the processor of a tracee while it is driven: a nested call then costs a fraction.
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

struct affinity {
  cpu_set_t before;
  bool joined;
};

void affinity_join(struct affinity *a, pid_t pid);
void affinity_leave(struct affinity *a);
