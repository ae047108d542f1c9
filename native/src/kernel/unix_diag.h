// SPDX-License-Identifier: EPL-2.0
// What sock_diag(7) tells of a unix socket: its peer, and who waits in its backlog.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct unix_diag {
  bool has_peer;
  ino_t peer;         // 0: it has been closed, or not been accepted yet
  unsigned shutdown;  // bit 0: receive, 1: send
  unsigned backlog;   // of a listening one: as listen(2) was told
  unsigned unsent;    // of another one: memory of what has not been received yet
  bool has_file;      // bound to a name in the file system
  uint32_t file_inode, file_device;
  uint32_t *waiting;  // inodes of the sockets in its backlog, in order
  size_t waiting_count;
};

int unix_diag_open(void);  // a socket to ask with, or -errno
// 0; -ENOENT: no such socket in our network namespace; or -errno.
int unix_diag_read(int diag, ino_t inode, struct unix_diag *ret);
void unix_diag_done(struct unix_diag *d);
