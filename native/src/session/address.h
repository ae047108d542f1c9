// SPDX-License-Identifier: EPL-2.0
// Where the sessions' control sockets are, how they are named, and how one is claimed without a race.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

enum { SESSION_NAME_MAX = 64 };

// The folder of this user's sockets. With `make` it is made when missing, else it may not exist. -1 and `e` when it
// belongs to somebody else or is open to others.
int address_folder(bool make, char **ret_folder, struct error *e);

// Letters, digits and . _ + @ - , not starting with a dot or a dash, at most SESSION_NAME_MAX.
bool address_name_valid(const char *name);

// FOLDER/NAME.sock
char *address_path(const char *folder, const char *name);

// A socket for a moment, before it gets its name: so begin the names of such files.
#define ADDRESS_UNNAMED ".snapback-"

// Where a session listens. Without pointers: it lies in memory that the outer process and the supervisor share, so that
// each can remove the socket when the other has been killed.
struct address {
  char name[SESSION_NAME_MAX + 1];
  char path[4096];  // absolute; empty: none yet
  dev_t device;     // of the file, to tell it from a later one of the same path
  ino_t inode;
  int fd;  // of the process that claimed it
};

// Claims `control`, or NAME.sock in the folder, or BASE-1.sock, BASE-2.sock… when `name` is NULL. A stale socket that
// stands there is replaced.
int address_claim(struct address *a, const char *name, const char *base, const char *control, struct error *e);
void address_unlink(const struct address *a);  // the file, if it is still there; safe in a signal handler

// Connects to the socket at `path`. A descriptor or -errno; -ECONNREFUSED: nobody listens, it is stale.
int address_connect(const char *path);
