// SPDX-License-Identifier: EPL-2.0
// After the supervisor of a program that was attached to has been killed: the program gets back what it was made to
// lend.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct journal;

// Called by whoever shares the journal, when the tracer is dead. `root`: the program. True: it goes on, and nothing is
// left of the engine in it. False: it was in the middle of a rewind, and has been ended with all that it has started.
bool guard_mend(const struct journal *j, pid_t root);
bool guard_was_changing(const struct journal *j);
