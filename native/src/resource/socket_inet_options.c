// SPDX-License-Identifier: EPL-2.0
// The options of TCP and UDP sockets.
#include "resource/socket_inet_options.h"

#include <linux/in6.h>
#include <linux/ip.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

enum { FOR_TCP = 1, FOR_UDP = 2, FOR_FOUR = 4, FOR_SIX = 8 };

// One that this kernel or this kind of socket does not have is passed over.
static const struct {
  int level, name, kinds;
} rows[] = {
    {IPPROTO_TCP, TCP_NODELAY, FOR_TCP},
    {IPPROTO_TCP, TCP_CORK, FOR_TCP},
    {IPPROTO_TCP, TCP_KEEPIDLE, FOR_TCP},
    {IPPROTO_TCP, TCP_KEEPINTVL, FOR_TCP},
    {IPPROTO_TCP, TCP_KEEPCNT, FOR_TCP},
    {IPPROTO_TCP, TCP_SYNCNT, FOR_TCP},
    {IPPROTO_TCP, TCP_LINGER2, FOR_TCP},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, FOR_TCP},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, FOR_TCP},
    {IPPROTO_TCP, TCP_CONGESTION, FOR_TCP},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, FOR_TCP},
    {IPPROTO_TCP, TCP_FASTOPEN, FOR_TCP},
    {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, FOR_TCP},
    {IPPROTO_UDP, UDP_CORK, FOR_UDP},
    {IPPROTO_UDP, UDP_SEGMENT, FOR_UDP},
    {IPPROTO_UDP, UDP_GRO, FOR_UDP},
    {IPPROTO_IP, IP_TOS, FOR_FOUR},
    {IPPROTO_IP, IP_TTL, FOR_FOUR},
    {IPPROTO_IP, IP_MTU_DISCOVER, FOR_FOUR},
    {IPPROTO_IP, IP_RECVERR, FOR_FOUR},
    {IPPROTO_IP, IP_PKTINFO, FOR_FOUR},
    {IPPROTO_IP, IP_RECVTTL, FOR_FOUR},
    {IPPROTO_IP, IP_RECVTOS, FOR_FOUR},
    {IPPROTO_IP, IP_RECVORIGDSTADDR, FOR_FOUR},
    {IPPROTO_IP, IP_FREEBIND, FOR_FOUR},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, FOR_FOUR},
    {IPPROTO_IP, IP_MULTICAST_TTL, FOR_FOUR | FOR_UDP},
    {IPPROTO_IP, IP_MULTICAST_LOOP, FOR_FOUR | FOR_UDP},
    {IPPROTO_IP, IP_MULTICAST_ALL, FOR_FOUR | FOR_UDP},
    {IPPROTO_IPV6, IPV6_V6ONLY, FOR_SIX},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, FOR_SIX},
    {IPPROTO_IPV6, IPV6_TCLASS, FOR_SIX},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, FOR_SIX},
    {IPPROTO_IPV6, IPV6_RECVERR, FOR_SIX},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, FOR_SIX},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, FOR_SIX},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, FOR_SIX},
    {IPPROTO_IPV6, IPV6_DONTFRAG, FOR_SIX},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, FOR_SIX | FOR_UDP},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, FOR_SIX | FOR_UDP},
};

int inet_options_capture(int fd, struct socket_state *s) {
  int is = (s->type == SOCK_STREAM ? FOR_TCP : FOR_UDP) | (s->domain == AF_INET ? FOR_FOUR : FOR_SIX);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int r = (rows[i].kinds & is) == rows[i].kinds ? socket_option_add(fd, s, rows[i].level, rows[i].name) : 0;
    if (r < 0)
      return r;
  }
  return 0;
}
