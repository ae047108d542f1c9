// SPDX-License-Identifier: EPL-2.0
// Open files of /proc that tell of one process.
#pragma once

#include "resource/descriptors.h"

// Whether that is the name of such a file: /proc/NUMBER/…
bool proc_file_has_process(const char *link);
// Whether its process has ended, as it is now in process `pid`.
bool proc_file_is_of_ended(pid_t pid, const struct descriptor *d);
// Opens it again. Where its process is not there yet, something else keeps its place until proc_file_settle.
int proc_file_open(const struct descriptor *d);
int proc_file_settle(struct executor *x, const struct descriptors *all, const struct descriptor *d, struct error *e);
