// SPDX-License-Identifier: EPL-2.0
// TCP connections to itself: connected, accepted, filled, drained, shut down and closed at random, IPv4 and IPv6. What
// is on the way is right to the byte, the addresses and options are those of before, an end is an end.
#include "live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 8, SERVERS = 4, MOST = 40000, DEADLINE_MS = 10000 };

// One way of a connection.
struct way {
  uint64_t written, taken, seed;
  bool ended;  // the writer has shut it down, or closed
};

static struct server {
  int fd;
  struct sockaddr_storage name;
  socklen_t size;
} servers[SERVERS];

static struct slot {
  int client, accepted;  // -1: closed; accepted also: not yet
  bool used, is_accepted, is_quick;
  unsigned server;
  struct way there, back;
  struct sockaddr_storage name;
} slots[SLOTS];

static int set;

static unsigned char byte_of(const struct way *w, uint64_t i) { return (unsigned char)live_stamp(w->seed, i); }

static void begin_server(struct server *v, int family, bool any) {
  struct sockaddr_in *four = (struct sockaddr_in *)&v->name;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)&v->name;
  if (family == AF_INET) {
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK)};
    v->size = sizeof *four;
  } else {
    *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = any ? in6addr_any : in6addr_loopback};
    v->size = sizeof *six;
  }
  v->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  CHECK(v->fd >= 0 && bind(v->fd, (struct sockaddr *)&v->name, v->size) == 0 && listen(v->fd, SLOTS + 1) == 0);
  CHECK(getsockname(v->fd, (struct sockaddr *)&v->name, &v->size) == 0);
}

static void check_server(const struct server *v) {
  struct sockaddr_storage now = {0};
  socklen_t size = sizeof now;
  CHECK(getsockname(v->fd, (struct sockaddr *)&now, &size) == 0 && size == v->size &&
        memcmp(&now, &v->name, size) == 0);
}

// An IPv6 server that listens to IPv4 too is reached by that.
static struct sockaddr_storage reachable(const struct server *v, socklen_t *ret_size) {
  struct sockaddr_storage to = v->name;
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&v->name;
  struct sockaddr_in *four = (struct sockaddr_in *)&to;
  *ret_size = v->size;
  if (v->name.ss_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
    return to;
  in_port_t port = v->name.ss_family == AF_INET6 ? six->sin6_port : four->sin_port;
  to = (struct sockaddr_storage){0};
  *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  *ret_size = sizeof *four;
  return to;
}

// As the client itself sees its address.
static void plain(struct sockaddr_storage *name, socklen_t *size) {
  const struct sockaddr_in6 six = *(const struct sockaddr_in6 *)name;
  if (name->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
    return;
  struct sockaddr_in *four = (struct sockaddr_in *)name;
  *name = (struct sockaddr_storage){0};
  *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = six.sin6_port};
  memcpy(&four->sin_addr, &six.sin6_addr.s6_addr[12], 4);
  *size = sizeof *four;
}

// ---- the life of a connection ----

static void wait_for(int fd, short events) {
  struct pollfd p = {.fd = fd, .events = events};
  CHECK(poll(&p, 1, DEADLINE_MS) == 1);
}

static void watch(int fd, unsigned place) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = place};
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void make(struct slot *s) {
  if (s->used)
    return;
  *s = (struct slot){.used = true, .server = live_random(SERVERS), .accepted = -1};
  socklen_t to_size;
  struct sockaddr_storage to = reachable(&servers[s->server], &to_size);
  s->there.seed = live_stamp(live_random(1000), live_ticks());
  s->back.seed = live_stamp(live_random(1000), live_ticks() + 1);
  s->client = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(s->client >= 0);
  s->is_quick = live_random(2);
  if (s->is_quick)
    CHECK(setsockopt(s->client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0);
  if (!live_random(3))
    CHECK(setsockopt(s->client, SOL_SOCKET, SO_RCVBUF, &(int){8192}, sizeof(int)) == 0);
  CHECK(connect(s->client, (struct sockaddr *)&to, to_size) == 0);
  socklen_t size = sizeof s->name;
  CHECK(getsockname(s->client, (struct sockaddr *)&s->name, &size) == 0);
}

static struct slot *slot_at(const struct sockaddr_storage *name) {
  for (unsigned i = 0; i < SLOTS; i++)
    if (slots[i].used && !slots[i].is_accepted && memcmp(&slots[i].name, name, sizeof *name) == 0)
      return &slots[i];
  return NULL;
}

static void forget_if_closed(struct slot *s) { s->used = s->client >= 0 || s->accepted >= 0 || !s->is_accepted; }

static void accept_one(struct slot *any) {
  struct sockaddr_storage name = {0};
  socklen_t size = sizeof name;
  struct server *v = &servers[live_random(SERVERS)];
  (void)any;
  int fd = accept4(v->fd, (struct sockaddr *)&name, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    CHECK(errno == EAGAIN);
    for (unsigned i = 0; i < SLOTS; i++)
      CHECK(!slots[i].used || slots[i].is_accepted || &servers[slots[i].server] != v);
    return;
  }
  plain(&name, &size);
  struct slot *s = slot_at(&name);
  CHECK(s);
  s->accepted = fd;
  s->is_accepted = true;
  watch(fd, (unsigned)(s - slots));
}

static void fill(struct way *w, int from, bool other_is_open) {
  static unsigned char bytes[MOST];
  if (from < 0 || w->ended)
    return;
  size_t length = 1 + live_random(live_random(3) ? 300 : MOST);
  for (size_t i = 0; i < length; i++)
    bytes[i] = byte_of(w, w->written + i);
  ssize_t n = send(from, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (!other_is_open) {
    CHECK(n == -1 || n > 0);
    return;
  }
  CHECK(n > 0 || errno == EAGAIN);
  if (n > 0)
    w->written += (uint64_t)n;
}

static void drain(struct way *w, int to) {
  static unsigned char bytes[MOST];
  if (to < 0)
    return;
  if (w->written != w->taken || w->ended)
    wait_for(to, POLLIN);
  ssize_t n = recv(to, bytes, 1 + live_random(MOST), MSG_DONTWAIT);
  if (w->written == w->taken) {
    CHECK(w->ended ? n == 0 : n == -1 && errno == EAGAIN);
    return;
  }
  CHECK(n > 0 && (uint64_t)n <= w->written - w->taken);
  for (ssize_t i = 0; i < n; i++)
    CHECK(bytes[i] == byte_of(w, w->taken + (uint64_t)i));
  w->taken += (uint64_t)n;
}

// All of it, so that no reset can take it away when the other end is closed.
static void drain_all(struct way *w, int to) {
  while (to >= 0 && w->written != w->taken)
    drain(w, to);
}

static void fill_there(struct slot *s) {
  fill(&s->there, s->used ? s->client : -1, !s->is_accepted || s->accepted >= 0);
}
static void fill_back(struct slot *s) { fill(&s->back, s->used ? s->accepted : -1, s->client >= 0); }
static void drain_there(struct slot *s) { drain(&s->there, s->used ? s->accepted : -1); }
static void drain_back(struct slot *s) { drain(&s->back, s->used && s->is_accepted ? s->client : -1); }

static void shut_down(struct slot *s) {
  bool by_client = live_random(2);
  struct way *w = by_client ? &s->there : &s->back;
  int fd = by_client ? s->client : s->accepted;
  if (!s->used || fd < 0 || w->ended)
    return;
  CHECK(shutdown(fd, SHUT_WR) == 0);
  w->ended = true;
}

static void close_end(struct slot *s) {
  bool is_client = live_random(2);
  int *fd = is_client ? &s->client : &s->accepted;
  if (!s->used || !s->is_accepted || *fd < 0)
    return;
  drain_all(is_client ? &s->back : &s->there, *fd);
  CHECK(close(*fd) == 0);
  *fd = -1;
  (is_client ? &s->there : &s->back)->ended = true;
  // Nothing more is written to an end that is closed: it would be reset.
  if (is_client)
    s->back.ended = s->back.ended || true;
  else
    s->there.ended = s->there.ended || true;
  forget_if_closed(s);
}

// ---- checks ----

static void check_addresses(const struct slot *s) {
  struct sockaddr_storage now = {0};
  socklen_t size = sizeof now;
  if (s->client < 0 || s->there.ended || s->back.ended)
    return;
  CHECK(getsockname(s->client, (struct sockaddr *)&now, &size) == 0 && memcmp(&now, &s->name, size) == 0);
  if (s->accepted < 0)
    return;
  size = sizeof now;
  CHECK(getpeername(s->accepted, (struct sockaddr *)&now, &size) == 0);
  plain(&now, &size);
  CHECK(memcmp(&now, &s->name, size) == 0);
}

static void check(const struct slot *s) {
  int quick = -1;
  socklen_t size = sizeof quick;
  if (!s->used)
    return;
  check_addresses(s);
  if (s->client >= 0) {
    CHECK(getsockopt(s->client, IPPROTO_TCP, TCP_NODELAY, &quick, &size) == 0 && !!quick == s->is_quick);
    CHECK(!(fcntl(s->client, F_GETFL) & O_NONBLOCK));
  }
  if (s->accepted >= 0)
    CHECK(fcntl(s->accepted, F_GETFL) & O_NONBLOCK);
}

// What the set tells is as the sockets are.
static void check_set(void) {
  struct epoll_event events[SLOTS];
  int n = epoll_wait(set, events, SLOTS, 0);
  CHECK(n >= 0);
  for (int i = 0; i < n; i++) {
    const struct slot *s = &slots[events[i].data.u32];
    CHECK(s->used && s->accepted >= 0);
    CHECK(s->there.written != s->there.taken || s->there.ended || s->client < 0);
  }
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make,       make,       accept_one, accept_one,
                                                   fill_there, fill_there, fill_back,  drain_there,
                                                   drain_back, shut_down,  close_end};
  live_begin();
  signal(SIGPIPE, SIG_IGN);
  set = epoll_create1(EPOLL_CLOEXEC);
  CHECK(set >= 0);
  begin_server(&servers[0], AF_INET, false);
  begin_server(&servers[1], AF_INET, true);
  begin_server(&servers[2], AF_INET6, false);
  begin_server(&servers[3], AF_INET6, true);
  do {
    for (unsigned k = 1 + live_random(6); k; k--)
      changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
    for (unsigned i = 0; i < SLOTS; i++)
      check(&slots[i]);
    for (unsigned i = 0; i < SERVERS; i++)
      check_server(&servers[i]);
    check_set();
  } while (live_tick());
  live_pass();
}
