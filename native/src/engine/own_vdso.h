// SPDX-License-Identifier: EPL-2.0
// The vdso that this kernel gives to programs of either kind.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "proc/maps.h"

struct own_vdso {
  struct mappings maps;  // of a process that has it
  unsigned char *bytes;  // NULL: this kernel gives none
  size_t size;
};

const struct mapping *vdso_find(const struct mappings *m);

// 0 or -errno; -ENOSYS: this kernel has none of that kind to show.
int own_vdso_read(bool is_narrow, struct own_vdso *ret);
void own_vdso_done(struct own_vdso *v);
