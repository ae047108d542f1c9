// SPDX-License-Identifier: EPL-2.0
// Which processes of /proc belong to the session: all of them in a namespace of its own, else some and their offspring.
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "proc/offspring.h"

enum { SCOPE_ROOTS = 34 };

// From now on the session is these processes and what descends from them, at most SCOPE_ROOTS, but for whom is left
// out.
void scope_limit(const pid_t *roots, size_t count, offspring_filter *is_left_out, const void *data);

// Whether it is among the host's processes: what it shares with others is not its own.
bool scope_is_limited(void);

// Those of the session. 0 or -errno; the caller frees the array.
int scope_list(pid_t **ret, size_t *ret_count);
