// SPDX-License-Identifier: EPL-2.0
// Which processes of /proc belong to the session.
#include "proc/scope.h"

#include "proc/status.h"

static pid_t scope[SCOPE_ROOTS];
static size_t scope_count;
static offspring_filter *scope_filter;
static const void *scope_data;

void scope_limit(const pid_t *roots, size_t count, offspring_filter *is_left_out, const void *data) {
  scope_filter = is_left_out;
  scope_data = data;
  for (scope_count = 0; scope_count < count && scope_count < SCOPE_ROOTS; scope_count++)
    scope[scope_count] = roots[scope_count];
}

bool scope_is_limited(void) { return scope_count > 0; }

int scope_list(pid_t **ret, size_t *ret_count) {
  return scope_count ? offspring_list(scope, scope_count, scope_filter, scope_data, ret, ret_count)
                     : process_list(ret, ret_count);
}
