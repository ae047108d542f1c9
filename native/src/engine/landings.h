// SPDX-License-Identifier: EPL-2.0
// Finding a landing (trace/landing.h) in the code of a program.
#pragma once

#include <sys/types.h>

// Does nothing for a process of which one is known. Where none is found, calls are made without.
void landings_find(pid_t pid);
