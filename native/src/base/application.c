// SPDX-License-Identifier: EPL-2.0
// Where a session's program finds its supervisor.
#include "base/application.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "snapback-"

int application_address(struct sockaddr_un *ret, socklen_t *ret_size) {
  char name[sizeof ret->sun_path - 1] = PREFIX;  // behind the NUL with which an abstract address begins
  ssize_t n = readlink("/proc/self/ns/pid", name + strlen(PREFIX), sizeof name - strlen(PREFIX));
  if (n < 0)
    return -errno;
  size_t size = strlen(PREFIX) + (size_t)n;
  *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
  memcpy(ret->sun_path + 1, name, size);
  *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size);
  return 0;
}
