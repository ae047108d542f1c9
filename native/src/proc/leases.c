// SPDX-License-Identifier: EPL-2.0
// Finding leases in /proc/locks.
#include "proc/leases.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/file.h"

enum { LOCKS_MAX = 16 * 1024 * 1024 };

// "1: LEASE  ACTIVE    READ  359 fe:00:2236422 0 EOF"
bool leases_hold(const char *text, dev_t device, ino_t inode) {
  for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
    unsigned of_major, of_minor;
    unsigned long number;
    if (sscanf(line, "%*d: LEASE %*s %*s %*d %x:%x:%lu", &of_major, &of_minor, &number) == 3 && number == inode &&
        makedev(of_major, of_minor) == device)
      return true;
  }
  return false;
}

bool file_has_lease(dev_t device, ino_t inode) {
  _cleanup_free_ char *text = NULL;
  return file_read("/proc/locks", LOCKS_MAX, &text, NULL) == 0 && leases_hold(text, device, inode);
}
