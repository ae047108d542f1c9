// SPDX-License-Identifier: EPL-2.0
// Threads that a debugger lets make a single step.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/arch/arch.h"

// How long a thread has run, in nanoseconds, brought up to date by the scheduler's ticks; UINT64_MAX: it is not ready
// to run.
uint64_t stepping_run_time(pid_t pid, pid_t tid);

// gdb puts the one instruction that it steps beside a breakpoint ("displaced stepping") at the program's entry.
bool stepping_is_beside(uint64_t entry, const struct registers *r);
