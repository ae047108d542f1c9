// SPDX-License-Identifier: EPL-2.0
// Sockets in the table of a process; what they are is in the table of the session's sockets.
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "resource/descriptors.h"
#include "resource/sockets.h"

static bool socket_matches(const struct descriptor *d) { return S_ISSOCK(d->stat.st_mode) && d->link[0] != '/'; }

static int socket_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  d->socket = sockets_find_inode(all->sockets, d->stat.st_ino);
  if (!d->socket)
    return error_set(e, ERROR_BUSY, "descriptor %d of process %d is a socket that was made just now: try again", d->fd,
                     pid);
  return 0;
}

static bool socket_same(const struct descriptor *then, const struct descriptor *now) {
  return then->socket && then->socket->is_kept && then->socket->inode == now->stat.st_ino;
}

// The open file is one, whoever has it; its flags are those of all.
static int socket_reopen(const struct descriptor *d) {
  enum { CHANGEABLE = O_NONBLOCK | O_ASYNC };
  if (!d->socket || d->socket->now < 0)
    return -EBADF;
  int fd = fcntl(d->socket->now, F_DUPFD_CLOEXEC, 3);
  if (fd >= 0)
    (void)fcntl(fd, F_SETFL, d->socket->flags & CHANGEABLE);
  return fd < 0 ? -errno : fd;
}

const struct descriptor_kind descriptor_socket = {
    .name = "socket",
    .matches = socket_matches,
    .capture = socket_capture,
    .same = socket_same,
    .reopen = socket_reopen,
};
