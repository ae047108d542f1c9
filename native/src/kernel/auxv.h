// SPDX-License-Identifier: EPL-2.0
// /proc/PID/auxv: what the kernel told the program when it started.
#pragma once

#include <stdint.h>
#include <sys/types.h>

// The value of an AT_… entry; 0: there is none.
uint64_t auxv_value(pid_t pid, uint64_t type);
