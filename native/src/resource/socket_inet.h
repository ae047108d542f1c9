// SPDX-License-Identifier: EPL-2.0
// TCP and UDP: what the files socket_inet*.c share.
//
// A connection is made anew without its listening socket: both ends are bound to their old addresses and connect to
// each other at once (the simultaneous open of RFC 9293), while a listening socket of ours, whose backlog is full, lets
// the first SYN pass unanswered. So each end can be any socket, and the backlog of the program's own is left alone.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "proc/net_tcp.h"
#include "resource/sockets.h"

// A connection that nobody has accepted yet, as its listening socket has it in the backlog.
struct inet_waiting {
  uint32_t client;          // id; 0: it has been closed already
  struct socket_name name;  // of the client
  struct socket_queue sent;
  bool has_ended;  // the client sends nothing more
  bool is_reset;   // by the client, which is gone
};

struct inet_own {
  int held;        // the socket, from the capture to the survey only; -1
  int state;       // TCP_… when it was captured
  bool connects;   // it waits for the answer to its connect(2)
  bool has_ended;  // a connection that is over: it has no peer any more
  struct inet_point point, peer_point;
  uint64_t acknowledged;         // bytes that it has sent
  struct inet_waiting *waiting;  // listening: those of the session, in order
  size_t waiting_count;
  // Of a rewind under way.
  bool shares_port;  // for the moment
  bool is_doomed;    // it cannot be what it was, and is like one that was reset
};

static inline struct inet_own *inet_own(const struct socket_state *s) { return s->own; }
static inline bool inet_is_tcp(const struct socket_state *s) { return s->type == SOCK_STREAM; }
static inline const struct sockaddr *inet_address(const struct socket_name *n) { return (const void *)&n->address; }

// The text "127.0.0.1:80" or "[::1]:80".
struct inet_text {
  char text[64];
};
struct inet_text inet_text_of(const struct socket_name *name);

static inline bool inet_is_ours(const struct socket_state *s) { return s->domain == AF_INET || s->domain == AF_INET6; }
static inline bool inet_is_same_name(const struct socket_name *a, const struct socket_name *b) {
  return a->size == b->size && memcmp(&a->address, &b->address, a->size) == 0;
}
// Whether one that is bound to `a` has what comes for `at`.
bool inet_point_covers(const struct inet_point *a, const struct inet_point *at);
bool inet_is_any(const struct in6_addr *a);
struct socket_name inet_name_of(const struct inet_point *p, int family);

// ---- socket_inet.c: what a socket is now ----

struct inet_view {
  int state;  // TCP_…
  unsigned shutdown;
  unsigned waiting, backlog;  // listening
  uint64_t acknowledged;      // bytes that it has sent and the other end has
  bool has_error;
  struct socket_name name, peer_name;
};
int inet_look(int fd, struct inet_view *ret);  // 0 or -errno

// ---- socket_inet_queue.c: the bytes of a stream ----

// Waits for the end of what a peer that has been closed has still to deliver.
void inet_await_end(int fd);
// Lets what the peer has sent come through to `fd` (`peer`: -1, unknown); then a copy of all that has not been read.
// The bytes stay where they are.
int inet_peek(int fd, int peer, struct socket_queue *ret);
// Takes all out, also what is still on the way.
int inet_drain(int fd, int peer);
// Sends the bytes through `peer`, so that all of them can be read from `fd` (-1: nobody's).
int inet_refill(int fd, int peer, const struct socket_queue *q);

// ---- socket_inet_connect.c: making connections ----

int inet_socket(const struct socket_state *s);
// As if no other socket were in the way: until the options are put back, ports can be shared.
void inet_share_port(int fd);
// Ends what is left of ended connections at these addresses, all at once.
void inet_end_waiting(const struct inet_point *at, size_t count);
int inet_bind(int fd, const struct socket_name *name);  // also where ended connections still hold the port
// Connects `a` and `b`, bound already, to each other. Nobody else listens where `a` is. 0 or -errno.
int inet_join(int a, const struct socket_name *name_a, int b, const struct socket_name *name_b);
// Makes of `fd` the end of a connection that was reset; `*ret_other`: the other end, not reset yet (NULL: reset it).
int inet_make_ended(int fd, int domain, int *ret_other);
void inet_reset(int fd);  // closes it; the peer sees a reset
int inet_disconnect(int fd);
int inet_begin_connect(int fd, const struct socket_name *to);  // without waiting

// ---- socket_inet_backlog.c: connections that wait to be accepted ----

// Finds those of the session that wait for `s`, with what they have sent: each is accepted for that, and put back.
int inet_survey_backlog(struct sockets *all, struct socket_state *s, struct error *e);
// Whether nothing in it has changed.
bool inet_backlog_is_same(const struct sockets *all, const struct socket_state *s);
// Whoever waits from outside is lost, and told of.
void inet_empty_backlog(struct sockets *all, struct socket_state *s);
int inet_put_backlog_back(struct sockets *all, struct socket_state *s);
void inet_backlog_done(struct inet_own *own);

// ---- socket_inet_drop.c: living connections that go ----

void inet_drop_later(struct sockets *all, int fd);  // takes the duplicate over; any socket
void inet_drop_begin(struct sockets *all);          // the program is about to lose them
void inet_drop_done(struct sockets *all);           // it has, or does not

// ---- socket_inet_rewind.c, socket_udp.c ----

bool inet_is_kept(struct sockets *all, struct socket_state *s);
int inet_make(struct sockets *all, struct socket_state *s, struct error *e);
int inet_put_name_back(struct sockets *all, struct socket_state *s, struct error *e);
int inet_put_connection_back(struct sockets *all, struct socket_state *s, struct error *e);
int inet_fill(struct sockets *all, struct socket_state *s, struct error *e);
int inet_finish(struct sockets *all, struct socket_state *s, struct error *e);

int udp_fill(struct sockets *all, struct socket_state *s);

// ---- socket_inet_image.c ----

void inet_describe(const struct socket_state *s, struct Snapback__Image__Socket *to);
void inet_recreate(struct socket_state *s, const struct Snapback__Image__Socket *from);
int inet_check(const struct Snapback__Image__Socket *from, struct error *e);
