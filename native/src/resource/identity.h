// SPDX-License-Identifier: EPL-2.0
// What tells a file from another one that has taken its place.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BUILD_ID_MAX = 64 };

struct file_identity {
  uint64_t size;
  int64_t modified_ns;  // since 1970
  mode_t mode;
  unsigned char build_id[BUILD_ID_MAX];
  size_t build_id_size;  // 0: no ELF file, or one without a build id
};

// `fd` may be an O_PATH descriptor: then the file is opened for the moment to look for its build id; where it cannot
// be, there is none. 0 or -errno.
int identity_read(int fd, struct file_identity *ret);
