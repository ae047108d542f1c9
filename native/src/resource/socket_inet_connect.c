// SPDX-License-Identifier: EPL-2.0
// TCP connections between two sockets that are there already, with the addresses that they had.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fault.h"
#include "resource/socket_inet.h"

enum { PATIENCE_MS = 1500 };

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

int inet_socket(const struct socket_state *s) {
  int fd = socket(s->domain, s->type | SOCK_CLOEXEC, s->protocol);
  return fd < 0 ? -errno : fd;
}

static int socket_like(const struct socket_name *name) {
  int fd = socket(name->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  return fd < 0 ? -errno : fd;
}

static void set_number(int fd, int level, int name, int value) {
  (void)setsockopt(fd, level, name, &value, sizeof value);
}

void inet_share_port(int fd) {
  set_number(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set_number(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

int inet_disconnect(int fd) {
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  return connect(fd, &none, sizeof none) < 0 ? -errno : 0;
}

void inet_reset(int fd) {
  struct linger at_once = {.l_onoff = 1};
  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  (void)close(fd);
}

// connect(2) without waiting, whatever the flags of the open file, which the program may have already.
int inet_begin_connect(int fd, const struct socket_name *to) {
  int flags = fcntl(fd, F_GETFL);
  (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  int r = connect(fd, inet_address(to), to->size) < 0 ? -errno : 0;
  (void)fcntl(fd, F_SETFL, flags);
  return r == -EINPROGRESS || r == -EALREADY || r == -EISCONN ? 0 : r;
}

static int state_of(int fd) {
  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ? -errno : info.tcpi_state;
}

// ---- ports that ended connections hold ----

struct socket_name inet_name_of(const struct inet_point *p, int family) {
  struct socket_name n = {0};
  if (family == AF_INET) {
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)&n.address;
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(p->port)};
    four->sin_addr.s_addr = p->address.s6_addr32[3];
    n.size = sizeof *four;
  } else {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&n.address;
    *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(p->port), .sin6_addr = p->address};
    n.size = sizeof *six;
  }
  return n;
}

// A SYN with a signature (TCP_MD5SIG) is dropped by a listening socket that expects none, but not before it has ended
// what waits. Where the kernel has no signatures, that socket gets a connection which is reset at once.
static void sign(int fd, const struct socket_name *peer) {
  struct tcp_md5sig key = {.tcpm_keylen = 1, .tcpm_key = {1}};
  memcpy(&key.tcpm_addr, &peer->address, sizeof key.tcpm_addr);
  (void)setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof key);
}

static bool is_listened_to(const struct tcp_connections *all, uint16_t port) {
  for (size_t i = 0; i < all->count; i++)
    if (all->item[i].state == TCP_LISTEN && all->item[i].local.port == port)
      return true;
  return false;
}

static void end_all_waiting(const struct inet_point *at, int depth);

enum { DEPTH = 2 };  // what is in the way of the peer's address has peers of its own

static bool bind_in_turn(int fd, const struct socket_name *name, int depth) {
  if (bind(fd, inet_address(name), name->size) == 0)
    return true;
  struct inet_point at = inet_point_of(&name->address);
  if (depth > 0)
    end_all_waiting(&at, depth - 1);
  return depth > 0 && bind(fd, inet_address(name), name->size) == 0;
}

// A socket that sends its SYN to `to` without harm to whoever listens there.
static int socket_towards(const struct socket_name *to, bool is_listened_to) {
  int fd = socket_like(to);
  if (fd < 0)
    return fd;
  inet_share_port(fd);
  if (is_listened_to)
    sign(fd, to);
  return fd;
}

// The port is not bound, but chosen by the kernel: from a range of one. Kernels before 6.3 have no such range.
static bool connect_unbound(const struct socket_name *from, const struct socket_name *to, bool is_listened_to) {
  struct inet_point at = inet_point_of(&from->address);
  uint32_t range = (uint32_t)at.port << 16 | at.port;
  at.port = 0;
  struct socket_name address = inet_name_of(&at, from->address.ss_family);
  _cleanup_fd_ int fd = socket_towards(to, is_listened_to);
  set_number(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  return fd >= 0 && setsockopt(fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range, sizeof range) == 0 &&
         bind(fd, inet_address(&address), address.size) == 0 && inet_begin_connect(fd, to) == 0 &&
         inet_disconnect(fd) == 0;
}

// Where something waits at both ends neither port can be bound. But the kernel lets a connection between the same two
// begin anew one second later (tcp_tw_reuse, on the loopback device), from a port that nobody has bound.
static bool end_both(const struct socket_name *a, bool is_a_listened_to, const struct socket_name *b,
                     bool is_b_listened_to) {
  enum { STEP_MS = 10 };
  for (int waited = 0; waited < PATIENCE_MS; waited += STEP_MS) {
    if (connect_unbound(a, b, is_b_listened_to) || connect_unbound(b, a, is_a_listened_to))
      return true;
    (void)nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
  }
  return false;
}

static bool waits_at_both(const struct tcp_connections *all, const struct tcp_connection *c) {
  const struct tcp_connection *other = tcp_connections_find(all, &c->remote, &c->local);
  return other && !other->inode && c->state == TCP_TIME_WAIT && other->state == TCP_TIME_WAIT;
}

// Without a listening socket, an ended connection answers a SYN from its old peer with an ACK that means nothing to
// that one, whose reset ends it (RFC 1337 calls it an assassination, and the kernel allows it by default).
static bool end_waiting(const struct tcp_connections *all, const struct tcp_connection *c, int depth) {
  int family = IN6_IS_ADDR_V4MAPPED(&c->local.address) ? AF_INET : AF_INET6;
  struct socket_name peer = inet_name_of(&c->remote, family), self = inet_name_of(&c->local, family);
  bool is_self_listened_to = is_listened_to(all, c->local.port);
  _cleanup_fd_ int fd = socket_towards(&self, is_self_listened_to);
  if (fd < 0)
    return false;
  if (bind_in_turn(fd, &peer, depth)) {
    if (inet_begin_connect(fd, &self) == 0)
      (void)inet_disconnect(fd);
    return true;
  }
  return depth == DEPTH && waits_at_both(all, c) &&
         end_both(&self, is_self_listened_to, &peer, is_listened_to(all, c->remote.port));
}

static bool is_over(const struct tcp_connection *c) {
  return !c->inode && (c->state == TCP_TIME_WAIT || c->state == TCP_FIN_WAIT2);
}

static bool end_each_waiting(const struct inet_point *at, int depth) {
  struct tcp_connections all;
  bool found = false;
  if (tcp_connections_read(&all) < 0)
    return false;
  for (size_t i = 0; i < all.count; i++)
    if (is_over(&all.item[i]) && inet_point_covers(at, &all.item[i].local)) {
      (void)end_waiting(&all, &all.item[i], depth);
      found = true;
    }
  tcp_connections_done(&all);
  return found;
}

// A SYN ends what waits only when its number is a new one. Numbers begin by a clock of 16 bytes a microsecond, and a
// connection can have sent more than that.
static void end_all_waiting(const struct inet_point *at, int depth) {
  enum { LONGEST_MS = 50 };
  uint64_t end = now_ms() + (depth == DEPTH ? LONGEST_MS : 0);
  while (end_each_waiting(at, depth) && now_ms() < end)
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static bool is_at_one_of(const struct tcp_connection *c, const struct inet_point *at, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (inet_point_covers(&at[i], &c->local))
      return true;
  return false;
}

// Whoever is in the way of another one's peer goes first, whatever the order.
void inet_end_waiting(const struct inet_point *at, size_t count) {
  struct tcp_connections all;
  if (!count || tcp_connections_read(&all) < 0)
    return;
  for (int pass = 0; pass <= DEPTH; pass++)
    for (size_t i = 0; i < all.count; i++) {
      struct tcp_connection *c = &all.item[i];
      if (is_over(c) && is_at_one_of(c, at, count) && end_waiting(&all, c, 0))
        c->state = TCP_CLOSE;
    }
  tcp_connections_done(&all);
}

int inet_bind(int fd, const struct socket_name *name) {
  if (bind(fd, inet_address(name), name->size) == 0)
    return 0;
  if (errno != EADDRINUSE)
    return -errno;
  struct inet_point at = inet_point_of(&name->address);
  end_all_waiting(&at, DEPTH);
  return bind(fd, inet_address(name), name->size) < 0 ? -errno : 0;
}

// ---- both at once ----

static int wait_until_established(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  if (poll(&p, 1, PATIENCE_MS) <= 0)
    return -ETIMEDOUT;
  return state_of(fd) == TCP_ESTABLISHED ? 0 : -ECONNREFUSED;
}

// A listening socket whose backlog is full lets a SYN pass unanswered.
struct deaf {
  int listening, filler;
};

static void deaf_done(struct deaf *d) {
  cleanup_fd(&d->listening);
  cleanup_fd(&d->filler);
}

static int deaf_open(struct deaf *d, const struct socket_name *at) {
  *d = (struct deaf){socket_like(at), socket_like(at)};
  if (d->listening < 0 || d->filler < 0)
    return d->listening < 0 ? d->listening : d->filler;
  inet_share_port(d->listening);
  int r = inet_bind(d->listening, at);
  if (r == 0 && listen(d->listening, 0) < 0)
    r = -errno;
  if (r == 0)
    r = inet_begin_connect(d->filler, at);
  return r < 0 ? r : wait_until_established(d->filler);
}

// An IPv6 socket has a form of its own for the addresses of IPv4.
static struct socket_name as_seen_by(int fd, const struct socket_name *name) {
  int domain = name->address.ss_family;
  socklen_t size = sizeof domain;
  (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  struct inet_point p = inet_point_of(&name->address);
  return domain == name->address.ss_family ? *name : inet_name_of(&p, domain);
}

static int join(int a, const struct socket_name *name_a, int b, const struct socket_name *name_b) {
  struct deaf deaf __attribute__((cleanup(deaf_done)));
  struct socket_name to_a = as_seen_by(b, name_a), to_b = as_seen_by(a, name_b);
  int r = deaf_open(&deaf, name_a);
  if (r == 0)
    r = inet_begin_connect(b, &to_a);
  if (r == 0)
    r = inet_begin_connect(a, &to_b);
  if (r == 0)
    r = wait_until_established(a);
  if (r == 0)
    r = wait_until_established(b);
  // The kernel calls a socket connected only when its connect(2) has been told so.
  if (r == 0)
    r = inet_begin_connect(a, &to_b);
  return r == 0 ? inet_begin_connect(b, &to_a) : r;
}

// Connections that have ended may be in the way of either.
int inet_join(int a, const struct socket_name *name_a, int b, const struct socket_name *name_b) {
  int r = fault(FAULT_tcp_join);
  if (r < 0)
    return r;
  r = join(a, name_a, b, name_b);
  if (r == 0)
    return 0;
  struct inet_point at_a = inet_point_of(&name_a->address), at_b = inet_point_of(&name_b->address);
  (void)inet_disconnect(a);
  (void)inet_disconnect(b);
  end_all_waiting(&at_a, DEPTH);
  end_all_waiting(&at_b, DEPTH);
  (void)inet_bind(a, name_a);
  (void)inet_bind(b, name_b);
  return join(a, name_a, b, name_b);
}

// ---- connections that are over ----

// One that is bound to an address of IPv4 cannot talk to one of IPv6.
static struct socket_name loopback(int fd, int domain) {
  struct socket_name own;
  struct inet_point p = {0};
  bool is_four = domain == AF_INET;
  if (socket_read_name(fd, &own, false) == 0) {
    struct inet_point at = inet_point_of(&own.address);
    is_four = is_four || IN6_IS_ADDR_V4MAPPED(&at.address);
  }
  if (!is_four) {
    p.address = in6addr_loopback;
    return inet_name_of(&p, AF_INET6);
  }
  p.address.s6_addr32[3] = htonl(INADDR_LOOPBACK);
  return inet_name_of(&p, AF_INET);
}

static int accept_soon(int listening) {
  struct pollfd p = {.fd = listening, .events = POLLIN};
  if (poll(&p, 1, PATIENCE_MS) <= 0)
    return -ETIMEDOUT;
  int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int inet_make_ended(int fd, int domain, int *ret_other) {
  struct socket_name at = loopback(fd, domain), to;
  _cleanup_fd_ int listening = socket_like(&at);
  if (listening < 0)
    return listening;
  if (bind(listening, inet_address(&at), at.size) < 0 || listen(listening, 1) < 0)
    return -errno;
  int r = socket_read_name(listening, &at, false);
  to = as_seen_by(fd, &at);
  if (r == 0)
    r = inet_begin_connect(fd, &to);
  int other = r == 0 ? accept_soon(listening) : r;
  if (other < 0)
    return other;
  r = inet_begin_connect(fd, &to);
  if (ret_other)
    *ret_other = other;
  else
    inet_reset(other);
  return r;
}
