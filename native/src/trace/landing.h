// SPDX-License-Identifier: EPL-2.0
// Where a thread lands that makes a single call for its tracer, should the tracer be killed meanwhile: in code of its
// own program that goes round in a circle, until somebody gives it its registers back (see trace/journal.h).
#pragma once

#include <stdint.h>
#include <sys/types.h>

// In the process `pid`: a system call instruction (see ARCH_NARROW) with a return behind it, and a jump to itself.
void landing_learn(pid_t pid, uint64_t call, uint64_t circle);

// A call about to be made. `instruction` 0: no place is known, or it cannot be used now.
struct landing {
  uint64_t instruction, circle;
  uint64_t stack, taken;  // what the stack pointer has to be, and by how much it grows before the return
  int memory;             // /proc/PID/mem
  uint64_t before;        // what was where the return address is
};

// Whether what was learnt of the process still holds.
int landing_is_known(pid_t pid, int memory);
void landing_prepare(struct landing *ret, pid_t pid, int memory, uint64_t stack_pointer);
void landing_done(const struct landing *l);
