// SPDX-License-Identifier: EPL-2.0
// Leases that processes of the session hold on files, as /proc/locks tells them.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

bool file_has_lease(dev_t device, ino_t inode);

// The same by the text of /proc/locks.
bool leases_hold(const char *text, dev_t device, ino_t inode);
