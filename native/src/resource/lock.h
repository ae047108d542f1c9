// SPDX-License-Identifier: EPL-2.0
// Locks on files: flock(2), and those of fcntl(2) that belong to the process or to the open file; leases.
#pragma once

#include "base/error.h"
#include "resource/descriptors.h"
#include "trace/executor.h"

// Refuses what cannot be put back: leases that somebody waits for.
int locks_survey(pid_t pid, struct descriptor *d, struct error *e);

// Fails when somebody else has meanwhile taken a lock that `then` needs back.
int locks_are_free(const struct descriptor *then, pid_t pid, struct error *e);

// Bring the locks of one open file back, all descriptors being in place: first all locks that are not those of then
// are given up, for another descriptor of the program may want them, then what is missing is taken.
int locks_give_up(struct executor *x, const struct descriptor *then, struct error *e);
int locks_take(struct executor *x, const struct descriptor *then, struct error *e);
