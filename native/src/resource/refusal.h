// SPDX-License-Identifier: EPL-2.0
// What no snapshot can hold yet, in words: what it is, and what to do.
#pragma once

#include "base/error.h"
#include "resource/descriptors.h"

// Whether a file that looks like one is none: memory that nobody else may read, memory files of huge pages.
bool refusal_knows_file(const struct descriptor *d);
int refuse_descriptor(pid_t pid, const struct descriptor *d, struct error *e);
