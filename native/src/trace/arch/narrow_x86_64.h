// SPDX-License-Identifier: EPL-2.0
// 32-bit programs, for what else depends on the processor.
#pragma once

#include "trace/arch/arch.h"

enum { NARROW_TAG = 32 };             // the bit in a number by which the batch loop knows such a call
enum { NARROW_RESTART_SYSCALL = 0 };  // i386 and x86-64 number their calls each in a way of its own

// Whether the thread stands in 32-bit code.
bool narrow_is_running(const struct registers *r);
void narrow_start_call(struct registers *r, uint64_t instruction, long number, const uint64_t args[6]);

// The x86-64 number of what a thread in 32-bit code has called by `number`, or -1.
long narrow_meaning(const struct registers *r, long number);
// The number of the call that restart_syscall(2) goes on with, from the code that made it, or -1.
long narrow_number_before(const struct arch_memory *m, const struct registers *r);
void narrow_sleep_the_rest(struct registers *r, long number);
