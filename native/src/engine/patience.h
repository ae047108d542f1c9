// SPDX-License-Identifier: EPL-2.0
// A limit to how long the threads of a process may take to come to rest, whatever they, or we, wait for.
//
// PTRACE_SEIZE waits for an execve(2) that is under way in the process, and that one waits until the tracer has taken
// the ends of all other threads: the tracer would wait for itself. So a timer looks after these ends meanwhile.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "engine/state.h"

enum { PATIENCE_S = 5 };

// From here to patience_end a signal now and then interrupts what the supervisor waits in. `f` must stay in place.
void patience_begin(struct frozen *f);
void patience_end(void);
bool patience_is_over(void);

// Seizes a thread of the process. 0, -errno, -ETIMEDOUT when patience is over.
int patience_seize(pid_t tid);
