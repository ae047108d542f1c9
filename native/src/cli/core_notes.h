// SPDX-License-Identifier: EPL-2.0
// The notes of a core file: what gdb wants to know besides memory.
#pragma once

#include "image/image.h"

// All notes of a process, one behind the other. The thread that a debugger is to show comes first. The caller frees it.
unsigned char *core_notes(const Snapback__Image__Image *m, const Snapback__Image__Process *p, size_t *ret_size);
