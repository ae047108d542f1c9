// SPDX-License-Identifier: EPL-2.0
// /proc/PID/stat: where the kernel takes code, data, heap, stack, arguments and environment of a process to be.
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct memory_fields {
  uint64_t start_code, end_code, start_data, end_data, start_brk, start_stack, arg_start, arg_end, env_start, env_end;
};

// Parses the text of a stat file. 0 or -EBADMSG.
int memory_fields_parse(const char *text, struct memory_fields *ret);
// Only who may trace the process is told. 0 or -errno.
int memory_fields_read(pid_t pid, struct memory_fields *ret);
