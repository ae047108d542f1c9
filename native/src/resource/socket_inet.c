// SPDX-License-Identifier: EPL-2.0
// TCP and UDP sockets: what they are when a snapshot is taken.
#include "resource/socket_inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/status.h"
#include "resource/socket_inet_options.h"

bool sockets_leave_connect(struct socket_state *s) {
  if (!inet_is_ours(s) || !inet_is_tcp(s) || s->has_error)
    return false;
  if (!inet_own(s)->connects)
    return s->peer_kind != SOCKET_PEER_NONE;
  inet_own(s)->connects = false;
  inet_own(s)->peer_point = (struct inet_point){0};
  s->peer_name.size = 0;
  return false;
}

struct inet_text inet_text_of(const struct socket_name *name) {
  char address[INET6_ADDRSTRLEN] = "?";
  struct inet_point p = inet_point_of(&name->address);
  struct inet_text t;
  bool is_six = name->address.ss_family == AF_INET6;
  (void)inet_ntop(is_six ? AF_INET6 : AF_INET, is_six ? (void *)&p.address : (void *)&p.address.s6_addr32[3], address,
                  sizeof address);
  (void)snprintf(t.text, sizeof t.text, is_six ? "[%s]:%u" : "%s:%u", address, p.port);
  return t;
}

bool inet_is_any(const struct in6_addr *a) {
  static const struct in6_addr any_four = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
  return IN6_IS_ADDR_UNSPECIFIED(a) || memcmp(a, &any_four, sizeof *a) == 0;
}

bool inet_point_covers(const struct inet_point *a, const struct inet_point *at) {
  return a->port == at->port &&
         (inet_is_any(&a->address) || memcmp(&a->address, &at->address, sizeof at->address) == 0);
}

enum { HANDSHAKE_TRIES = 2000 };

// ---- one socket ----

static unsigned shutdown_of(int state, short events) {
  unsigned flags = 0;
  if (state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING || state == TCP_LAST_ACK ||
      state == TCP_TIME_WAIT)
    flags |= SOCKET_NO_SEND;
  if (events & POLLRDHUP)
    flags |= SOCKET_NO_RECEIVE;
  if (state == TCP_CLOSE && flags)
    flags |= SOCKET_NO_SEND;
  return flags;
}

// The C library's struct ends before what newer kernels tell.
struct more_tcp_info {
  struct tcp_info info;
  uint64_t pacing_rate, most_pacing_rate, acknowledged;
};

int inet_look(int fd, struct inet_view *ret) {
  struct more_tcp_info more = {0};
  const struct tcp_info *info = &more.info;
  socklen_t size = sizeof more;
  struct pollfd p = {.fd = fd, .events = POLLRDHUP};
  *ret = (struct inet_view){0};
  int r = socket_read_name(fd, &ret->name, false);
  if (r < 0)
    return r;
  (void)socket_read_name(fd, &ret->peer_name, true);
  (void)poll(&p, 1, 0);
  ret->has_error = p.revents & POLLERR;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &more, &size) < 0)
    return 0;  // UDP
  ret->state = info->tcpi_state;
  ret->acknowledged = more.acknowledged;
  if (info->tcpi_state == TCP_LISTEN) {
    ret->waiting = info->tcpi_unacked;
    ret->backlog = info->tcpi_sacked;
  } else {
    ret->shutdown = shutdown_of(ret->state, p.revents);
  }
  return 0;
}

static void take_view(struct socket_state *s, const struct inet_view *v) {
  struct inet_own *own = inet_own(s);
  s->name = v->name;
  s->peer_name = v->peer_name;
  s->has_error = v->has_error;
  s->shutdown = v->shutdown;
  s->backlog = (int)v->backlog;
  own->state = v->state;
  own->acknowledged = v->acknowledged;
  own->connects = v->state == TCP_SYN_SENT;
  own->has_ended = v->state == TCP_CLOSE && v->shutdown;
  own->point = inet_point_of(&s->name.address);
  own->peer_point = inet_point_of(&s->peer_name.address);
}

static int refuse(const struct socket_state *s, const char *what, const char *advice, struct error *e) {
  char name[64];
  process_name(s->holder, name, sizeof name);
  return error_set(e, ERROR_REFUSED, "process %d (%s) has a %s, which snapshots cannot hold yet: %s", s->holder, name,
                   what, advice);
}

static bool is_known_kind(const struct socket_state *s) {
  return (s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP) ||
         (s->type == SOCK_DGRAM && s->protocol == IPPROTO_UDP);
}

static int inet_capture(struct sockets *all, struct socket_state *s, int fd, struct error *e) {
  struct inet_view v;
  struct inet_own *own = s->own = must_alloc(sizeof *own);
  own->held = -1;
  if (!is_known_kind(s))
    return refuse(s, "socket of the internet family that is neither TCP nor UDP", "close it first", e);
  int r = inet_look(fd, &v);
  if (r == 0)
    r = inet_options_capture(fd, s);
  if (r == 0)
    take_view(s, &v);
  if (r == 0 && inet_is_tcp(s)) {
    own->held = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    r = own->held < 0 ? -errno : 0;
  }
  if (r < 0)
    return error_set_errno(e, r, "cannot read a socket of process %d", s->holder);
  if (inet_is_tcp(s))
    return 0;
  r = socket_queue_peek(fd, all, s, &s->queue, e);
  socket_queue_let_go(&s->queue);
  return r;
}

// ---- all of them ----

static struct socket_state *find_peer(const struct sockets *all, const struct socket_state *s) {
  const struct inet_own *own = inet_own(s);
  for (size_t i = 0; own->peer_point.port && i < all->count; i++) {
    struct socket_state *o = all->item[i];
    if (o == s || !inet_is_ours(o) || !inet_is_tcp(o) || !o->own || !o->peer_name.size)
      continue;
    if (inet_point_is_same(&inet_own(o)->point, &own->peer_point) &&
        inet_point_is_same(&inet_own(o)->peer_point, &own->point))
      return o;
  }
  return NULL;
}

static int look_again(struct socket_state *s) {
  struct inet_view v;
  int r = inet_look(inet_own(s)->held, &v);
  if (r == 0)
    take_view(s, &v);
  return r;
}

// One whose end and whose peer's have met has no peer any more.
static void part_if_over(struct socket_state *s) {
  if (!inet_own(s)->has_ended)
    return;
  s->peer_kind = SOCKET_PEER_GONE;
  s->peer = 0;
}

static bool is_closing(const struct tcp_connection *c) {
  return c && !c->inode && (c->state == TCP_FIN_WAIT1 || c->state == TCP_CLOSING || c->state == TCP_LAST_ACK);
}

// Of those whose peer nobody of the session has open: it is gone, or outside. (One that waits in a backlog is known by
// now.)
static int find_elsewhere(struct socket_state *s, const struct tcp_connections *now) {
  const struct inet_own *own = inet_own(s);
  const struct tcp_connection *other = tcp_connections_find(now, &own->peer_point, &own->point);
  int r = 0;
  if (is_closing(other) && !(s->shutdown & SOCKET_NO_RECEIVE)) {
    inet_await_end(own->held);
    r = look_again(s);
  }
  bool is_over = (s->shutdown & SOCKET_NO_RECEIVE) && (!other || (!other->inode && other->state != TCP_ESTABLISHED));
  s->peer_kind = is_over || own->has_ended ? SOCKET_PEER_GONE : SOCKET_PEER_OUTSIDE;
  return r;
}

static bool is_connection(const struct socket_state *s) { return !s->listens && s->peer_name.size; }

// Both ends at once: what one has sent may still be on its way to the other.
static int survey_pair(struct socket_state *s, struct socket_state *peer) {
  s->peer_kind = peer->peer_kind = SOCKET_PEER_INSIDE;
  s->peer = peer->id;
  peer->peer = s->id;
  int a = inet_own(s)->held, b = inet_own(peer)->held;
  int r = inet_peek(a, b, &s->queue);
  if (r == 0)
    r = inet_peek(b, a, &peer->queue);
  if (r == 0)
    r = look_again(s);
  if (r == 0)
    r = look_again(peer);
  part_if_over(s);
  part_if_over(peer);
  return r;
}

static int survey_connection(struct sockets *all, struct socket_state *s, const struct tcp_connections *now) {
  struct inet_own *own = inet_own(s);
  struct socket_state *peer = find_peer(all, s);
  if (peer)
    return survey_pair(s, peer);
  if (s->peer_kind == SOCKET_PEER_WAITING)
    return inet_peek(own->held, -1, &s->queue);
  int r = find_elsewhere(s, now);
  s->keeps_queue = s->peer_kind == SOCKET_PEER_OUTSIDE;
  return r < 0 || s->keeps_queue ? r : inet_peek(own->held, -1, &s->queue);
}

// The kernel tells only in its table whom it is trying to reach.
static void find_wanted(struct socket_state *s, const struct tcp_connections *now) {
  for (size_t i = 0; i < now->count; i++)
    if (now->item[i].inode == s->inode)
      s->peer_name = inet_name_of(&now->item[i].remote, s->domain);
}

static int survey_stream(struct sockets *all, struct socket_state *s, const struct tcp_connections *now,
                         struct error *e) {
  struct inet_own *own = inet_own(s);
  int r = 0;
  if (own->has_ended)
    s->peer_kind = SOCKET_PEER_GONE;
  if (own->connects)
    find_wanted(s, now);
  else if (is_connection(s))
    r = survey_connection(all, s, now);
  else if (own->has_ended)
    r = inet_peek(own->held, -1, &s->queue);
  return r < 0 ? error_set_errno(e, r, "cannot read what is in a connection of process %d", s->holder) : 0;
}

static bool is_half_open(const struct sockets *all, const struct tcp_connections *now) {
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *s = all->item[i];
    if (!inet_is_ours(s) || !inet_is_tcp(s) || !is_connection(s) || find_peer(all, s))
      continue;
    const struct tcp_connection *other = tcp_connections_find(now, &inet_own(s)->peer_point, &inet_own(s)->point);
    if (other && other->state == TCP_SYN_RECV)
      return true;
  }
  return false;
}

// One whose other end no process of the session has: only the kernel's table tells more of it.
static bool has_lone(const struct sockets *all) {
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *s = all->item[i];
    if (inet_is_ours(s) && inet_is_tcp(s) && (inet_own(s)->connects || (is_connection(s) && !find_peer(all, s))))
      return true;
  }
  return false;
}

// On a busy machine a client knows that it is connected before the backlog does.
static int read_table(const struct sockets *all, struct tcp_connections *ret) {
  *ret = (struct tcp_connections){0};
  int r = 0;
  bool again = has_lone(all);
  for (int i = 0; again && i < HANDSHAKE_TRIES; i++) {
    tcp_connections_done(ret);
    r = tcp_connections_read(ret);
    again = r == 0 && is_half_open(all, ret);
    if (again)
      (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  }
  return r;
}

// Backlogs first: who waits there is not outside.
static int survey_with(struct sockets *all, const struct tcp_connections *now, struct error *e) {
  for (size_t i = 0; i < all->count; i++) {
    struct socket_state *s = all->item[i];
    if (inet_is_ours(s) && s->listens && inet_survey_backlog(all, s, e) < 0)
      return -1;
  }
  for (size_t i = 0; i < all->count; i++) {
    struct socket_state *s = all->item[i];
    if (inet_is_ours(s) && inet_is_tcp(s) && s->peer_kind != SOCKET_PEER_INSIDE && survey_stream(all, s, now, e) < 0)
      return -1;
  }
  return 0;
}

static int survey_all(struct sockets *all, struct error *e) {
  struct tcp_connections now;
  int r = read_table(all, &now);
  r = r < 0 ? error_set_errno(e, r, "cannot read the table of TCP connections") : survey_with(all, &now, e);
  tcp_connections_done(&now);
  return r;
}

static void let_go(struct sockets *all) {
  for (size_t i = 0; i < all->count; i++) {
    if (!inet_is_ours(all->item[i]))
      continue;
    cleanup_fd(&inet_own(all->item[i])->held);
    inet_own(all->item[i])->held = -1;
  }
}

// All at once, when the first of them is asked.
static int inet_survey(struct sockets *all, struct socket_state *s, struct error *e) {
  if (!inet_is_tcp(s)) {
    s->peer_kind = s->peer_name.size ? SOCKET_PEER_OUTSIDE : SOCKET_PEER_NONE;
    return 0;
  }
  if (inet_own(s)->held < 0)
    return 0;
  int r = survey_all(all, e);
  let_go(all);
  return r;
}

static void inet_done(struct socket_state *s) {
  struct inet_own *own = inet_own(s);
  if (!own)
    return;
  cleanup_fd(&own->held);
  inet_backlog_done(own);
  free(own);
}

#define INET_FAMILY(name, number)          \
  const struct socket_family name = {      \
      .domain = (number),                  \
      .capture = inet_capture,             \
      .survey = inet_survey,               \
      .is_kept = inet_is_kept,             \
      .make = inet_make,                   \
      .bind = inet_put_name_back,          \
      .connect = inet_put_connection_back, \
      .fill = inet_fill,                   \
      .finish = inet_finish,               \
      .done = inet_done,                   \
      .describe = inet_describe,           \
      .recreate = inet_recreate,           \
      .check = inet_check,                 \
  }

INET_FAMILY(socket_inet, AF_INET);
INET_FAMILY(socket_inet6, AF_INET6);
