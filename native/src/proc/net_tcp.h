// SPDX-License-Identifier: EPL-2.0
// The TCP connections of this network namespace, also those that nobody has open: by sock_diag(7), or by /proc/net/tcp.
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

// An address and port; of IPv4 in its IPv6 form (::ffff:…), so that both ends of a connection can be compared.
struct inet_point {
  struct in6_addr address;
  uint16_t port;  // 0: none
};

struct tcp_connection {
  struct inet_point local, remote;
  int state;    // TCP_…
  ino_t inode;  // 0: closed by the program, or not accepted yet
};

struct tcp_connections {
  struct tcp_connection *item;
  size_t count, capacity;
};

struct inet_point inet_point_of(const struct sockaddr_storage *address);
int inet_point_is_same(const struct inet_point *a, const struct inet_point *b);

// Adds what the text of one of the files tells. 0 or -EBADMSG.
int tcp_connections_parse(const char *text, struct tcp_connections *ret);
int tcp_connections_read(struct tcp_connections *ret);  // 0 or -errno
void tcp_connections_done(struct tcp_connections *c);
// The one between these two, seen from `local`; NULL: there is none.
const struct tcp_connection *tcp_connections_find(const struct tcp_connections *c, const struct inet_point *local,
                                                  const struct inet_point *remote);
