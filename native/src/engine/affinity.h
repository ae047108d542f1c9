// SPDX-License-Identifier: EPL-2.0
// Running on the same processor as a tracee while it is driven: a nested call then costs a fraction.
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

#include "engine/state.h"

struct affinity {
  cpu_set_t before;
  bool joined;
};

void affinity_join(struct affinity *a, pid_t pid);
void affinity_leave(struct affinity *a);
// Where a thread of ours may run that is to leave this processor to us, if there is another one.
void affinity_others(cpu_set_t *ret);

// The other way round: a thread that is held comes to the processor that we run on, and may run again where it might
// before (`then`, as it was read). A thread that is woken on another processor, which may have to be woken first, costs
// several times as much. Nothing of the kind is done to a process that outlives us.
void affinity_pin(const struct process_state *s, pid_t tid);
void affinity_unpin(const struct process_state *s, pid_t tid, const struct thread_attributes *then);
