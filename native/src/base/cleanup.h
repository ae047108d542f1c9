// SPDX-License-Identifier: EPL-2.0
// Resources that close themselves when their scope ends.
#pragma once

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(int *fd) {
  if (*fd >= 0)
    (void)close(*fd);
}
static inline void cleanup_free(void *p) { free(*(void **)p); }
static inline void cleanup_dir(DIR **d) {
  if (*d)
    (void)closedir(*d);
}

#define _cleanup_fd_ __attribute__((cleanup(cleanup_fd)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_dir_ __attribute__((cleanup(cleanup_dir)))

// Hands the descriptor or pointer out of its scope.
static inline int fd_take(int *fd) {
  int taken = *fd;
  *fd = -1;
  return taken;
}
#define pointer_take(p)          \
  ({                             \
    __typeof__(p) *at_ = &(p);   \
    __typeof__(p) taken_ = *at_; \
    *at_ = NULL;                 \
    taken_;                      \
  })
