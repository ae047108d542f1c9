// SPDX-License-Identifier: EPL-2.0
// What a restart must know of a processor: its name, its extended registers, and jumps out of an old vdso.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char arch_name[];  // as uname -m

// The parts of the extended registers that the kernel has switched on (x86: XCR0).
uint64_t arch_extended_features(void);
// Which of them hold something in the extended state of a thread, as PTRACE_GETREGSET gave it.
uint64_t arch_extended_in_use(const void *extended, size_t size);
// Names of the processor's features, as /proc/cpuinfo gives them, that programs look for and then use: ends with NULL.
extern const char *const arch_used_features[];

enum { ARCH_JUMP = 16 };
// Code at `address` that jumps to `target`, of a narrow program or another one; returns its size.
size_t arch_put_jump(unsigned char code[ARCH_JUMP], uint64_t address, uint64_t target, bool is_narrow);
// Code that does what the vdso's function of that name does, without it; returns its size. 0: what is there does.
size_t arch_put_call(unsigned char code[ARCH_JUMP], const char *name, bool is_narrow);
// Whether a thread that stands at `offset` in an old vdso can go on there, whatever functions have become jumps: it
// makes a call, or has made one.
bool arch_can_stay_in_vdso(const unsigned char *vdso, size_t size, uint64_t offset, bool is_narrow);
