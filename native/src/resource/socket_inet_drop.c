// SPDX-License-Identifier: EPL-2.0
// TCP connections of the session's own that were not there then. Closed like any, they would leave something that waits
// at their address for a minute, or at both when the two ends are closed at once, where nothing but time ends it: and
// the address may be wanted. So both ends are reset.
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "resource/socket_inet.h"

struct socket_drop {
  int fd;
  struct inet_point local, remote;
};

void inet_drop_later(struct sockets *all, int fd) {
  _cleanup_fd_ int own = fd;
  struct socket_name local, remote;
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
      socket_read_name(fd, &local, false) < 0 || socket_read_name(fd, &remote, true) < 0 || !remote.size ||
      (remote.address.ss_family != AF_INET && remote.address.ss_family != AF_INET6))
    return;
  array_reserve(all->drop, all->drops, all->drop_capacity);
  all->drop[all->drops++] =
      (struct socket_drop){fd_take(&own), inet_point_of(&local.address), inet_point_of(&remote.address)};
}

static bool is_dropped(const struct sockets *all, const struct inet_point *local, const struct inet_point *remote) {
  for (size_t i = 0; i < all->drops; i++)
    if (inet_point_is_same(&all->drop[i].local, local) && inet_point_is_same(&all->drop[i].remote, remote))
      return true;
  return false;
}

// Whether somebody else has the other end: on another machine, or in a program that goes on.
static bool is_of_others(const struct sockets *all, const struct tcp_connections *living, const struct socket_drop *d) {
  if (is_dropped(all, &d->remote, &d->local))
    return false;
  const struct tcp_connection *other = tcp_connections_find(living, &d->remote, &d->local);
  return !other || other->inode;
}

void inet_drop_begin(struct sockets *all) {
  struct linger at_once = {.l_onoff = 1};
  struct tcp_connections living = {0};
  if (!all->drops || tcp_connections_read(&living) < 0)
    return;
  for (size_t i = 0; i < all->drops; i++)
    if (!is_of_others(all, &living, &all->drop[i]))
      (void)setsockopt(all->drop[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  tcp_connections_done(&living);
}

void inet_drop_done(struct sockets *all) {
  for (size_t i = 0; i < all->drops; i++)
    (void)close(all->drop[i].fd);
  free(all->drop);
  all->drop = NULL;
  all->drops = all->drop_capacity = 0;
}
