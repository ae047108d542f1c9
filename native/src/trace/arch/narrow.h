// SPDX-License-Identifier: EPL-2.0
// Narrow programs (see arch.h): the calls that only they make, and the forms in which the kernel keeps things for them.
#pragma once

#include <stdint.h>

// A call for a batch, which the loop makes as a narrow program would. `number` is that of the same call of a wide one.
long arch_narrow_call(long number);

// The wide kind's number of the call of the same meaning; -1: there is none, or it is not known here.
long arch_narrow_meaning(long number);

// struct sigaction as rt_sigaction(2) takes it from a narrow program, and gives it to one.
struct arch_narrow_action {
  uint32_t handler, flags, restorer, mask[2];
};

// Gives this process, which must have no vdso any more, that of narrow programs, at about that place. 0 or -1.
int arch_map_narrow_vdso(uint64_t address);

enum { ARCH_NARROW_ROBUST_SIZE = 12 };  // of the head of a robust list
