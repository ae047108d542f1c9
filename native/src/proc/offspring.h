// SPDX-License-Identifier: EPL-2.0
// Who is whose child, among all processes of /proc.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// The children of a process, ended ones included, in no order. 0 or -errno; the caller frees the array.
int children_list(pid_t pid, pid_t **ret, size_t *ret_count);

// Those of `roots` that are there, and all that descends from them: parents before their children, each once. Who is
// left out is not asked for children either. NULL: nobody is.
typedef bool offspring_filter(const void *data, pid_t pid);
int offspring_list(const pid_t *roots, size_t roots_count, offspring_filter *is_left_out, const void *data, pid_t **ret,
                   size_t *ret_count);
