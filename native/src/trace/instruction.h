// SPDX-License-Identifier: EPL-2.0
// Finding a system call instruction in a process.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

// In its vdso, which every process has, whatever its code. `memory`: /proc/PID/mem.
int instruction_find(pid_t pid, int memory, uint64_t *ret, struct error *e);

// The same of a vdso that lies elsewhere than it was given. 0 or -1.
int instruction_find_in(int memory, uint64_t vdso, uint64_t *ret);
