// SPDX-License-Identifier: EPL-2.0
// Folders of /proc whose entries are numbers: processes, threads, descriptors.
#pragma once

#include <stddef.h>

// The numbers in ascending order; the caller frees the array. 0 or -errno.
int numbers_in(const char *path, int **ret, size_t *ret_count);
