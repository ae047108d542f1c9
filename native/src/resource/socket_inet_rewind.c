// SPDX-License-Identifier: EPL-2.0
// TCP and UDP sockets on the way back: which of them are kept, and the steps by which the others are made anew.
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "resource/socket_inet.h"

// ---- is it still the same? ----

static int peer_now(const struct sockets *all, const struct socket_state *s) {
  const struct socket_state *peer = s->peer_kind == SOCKET_PEER_INSIDE ? sockets_find(all, s->peer) : NULL;
  return peer ? peer->now : s->other_end;
}

static bool queue_is_same(struct sockets *all, struct socket_state *s) {
  struct socket_queue now = {0};
  if (s->queue_is_same >= 0)
    return s->queue_is_same;
  int r = inet_is_tcp(s) ? inet_peek(s->now, peer_now(all, s), &now) : socket_queue_peek(s->now, NULL, s, &now, NULL);
  s->queue_is_same = r == 0 && socket_queue_is_same(&s->queue, &now);
  socket_queue_done(&now);
  return s->queue_is_same;
}

// A stream is filled through its other end.
static bool is_pair_kept(struct sockets *all, struct socket_state *s) {
  const struct socket_state *peer = sockets_find(all, s->peer);
  if (!peer || !peer->is_kept || peer->now < 0)
    return false;
  return queue_is_same(all, s) || !((s->shutdown & SOCKET_NO_RECEIVE) || (peer->shutdown & SOCKET_NO_SEND));
}

// What waits in a backlog, and what is left of a peer that is gone, hold their port and do not share it.
static bool is_port_wanted(const struct sockets *all, const struct socket_state *self, uint16_t port) {
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *s = all->item[i];
    if (s == self || !inet_is_ours(s) || !inet_is_tcp(s) || s->is_kept)
      continue;
    if (inet_own(s)->point.port == port || (s->peer_kind == SOCKET_PEER_GONE && inet_own(s)->peer_point.port == port))
      return true;
  }
  return false;
}

static bool is_in_kept_backlog(struct sockets *all, const struct socket_state *s) {
  const struct socket_state *listening = sockets_find(all, s->peer);
  return listening && listening->is_kept && !is_port_wanted(all, s, inet_own(listening)->point.port) &&
         inet_backlog_is_same(all, listening);
}

static bool is_connection_kept(struct sockets *all, struct socket_state *s, const struct inet_view *v) {
  switch (s->peer_kind) {
  case SOCKET_PEER_INSIDE:
    return v->shutdown == s->shutdown && is_pair_kept(all, s);
  case SOCKET_PEER_WAITING:
    return v->shutdown == s->shutdown && is_in_kept_backlog(all, s);
  case SOCKET_PEER_GONE:
    return v->shutdown == s->shutdown && queue_is_same(all, s) &&
           (!s->peer_name.size || !is_port_wanted(all, s, inet_own(s)->peer_point.port));
  default:  // what comes from outside goes on as it is; what the program itself has ended cannot
    return !((v->shutdown & ~s->shutdown) & SOCKET_NO_SEND);
  }
}

static bool is_stream_kept(struct sockets *all, struct socket_state *s, const struct inet_view *v) {
  const struct inet_own *own = inet_own(s);
  if (s->listens)
    return v->state == TCP_LISTEN;
  if (own->connects)
    return v->state == TCP_SYN_SENT;
  if (s->peer_kind == SOCKET_PEER_NONE)
    return v->state == TCP_CLOSE && !v->shutdown && !v->has_error;
  return (v->state == TCP_CLOSE) == own->has_ended && v->has_error == s->has_error && is_connection_kept(all, s, v);
}

bool inet_is_kept(struct sockets *all, struct socket_state *s) {
  struct inet_view v;
  inet_own(s)->shares_port = false;
  if (inet_look(s->now, &v) < 0 || !inet_is_same_name(&v.name, &s->name) ||
      (!inet_own(s)->connects && !inet_is_same_name(&v.peer_name, &s->peer_name)))
    return false;
  return !inet_is_tcp(s) || is_stream_kept(all, s, &v);
}

// ---- made anew, with nothing in its place yet ----

// What is like after a reset is made so in the end: until then it could take a port that another one had.
static int doom(struct sockets *all, struct socket_state *s, int why) {
  bool is_named = s->peer_name.size;
  sockets_note(all, "the connection %s%s%scannot be put back%s%s: the program sees it as reset", is_named ? "to " : "",
               is_named ? inet_text_of(&s->peer_name).text : "", is_named ? " " : "", why ? ", for " : "",
               why ? strerror(-why) : "");
  inet_own(s)->is_doomed = true;
  (void)inet_disconnect(s->now);
  return 0;
}

int inet_make(struct sockets *all, struct socket_state *s, struct error *e) {
  s->now = inet_socket(s);
  inet_own(s)->is_doomed = inet_own(s)->shares_port = false;
  int r = s->now < 0 ? s->now : socket_options_set(s->now, s);
  if (r < 0)
    return error_set_errno(e, r, "cannot make a socket of process %d again", s->holder);
  return inet_is_tcp(s) && s->peer_kind == SOCKET_PEER_OUTSIDE ? doom(all, s, 0) : 0;
}

// ---- names ----

static bool is_wanted(const struct socket_state *s) {
  return inet_is_ours(s) && inet_is_tcp(s) && s->now >= 0 && !s->is_kept && inet_own(s)->point.port;
}

static void end_what_is_left(const struct sockets *all) {
  _cleanup_free_ struct inet_point *at = must_alloc((2 * all->count + 1) * sizeof *at);
  size_t count = 0;
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *s = all->item[i];
    if (!is_wanted(s))
      continue;
    at[count++] = inet_own(s)->point;
    if (inet_own(s)->peer_point.port)
      at[count++] = inet_own(s)->peer_point;
  }
  inet_end_waiting(at, count);
}

// The options that were set come back in the end.
static void let_all_share(struct sockets *all) {
  bool is_first = false;
  for (size_t i = 0; i < all->count; i++) {
    struct socket_state *s = all->item[i];
    if (!inet_is_ours(s) || !inet_is_tcp(s) || s->now < 0 || inet_own(s)->shares_port)
      continue;
    inet_share_port(s->now);
    inet_own(s)->shares_port = is_first = true;
  }
  if (is_first)
    end_what_is_left(all);
}

static struct socket_name without_port(const struct socket_name *name) {
  struct inet_point p = inet_point_of(&name->address);
  p.port = 0;
  return inet_name_of(&p, name->address.ss_family);
}

// A client whose port another program has got meanwhile gets another one.
static int bind_elsewhere(struct sockets *all, struct socket_state *s) {
  struct socket_name any = without_port(&s->name);
  int r = inet_bind(s->now, &any);
  if (r == 0)
    sockets_note(all, "the address %s is taken, and the program's socket has got another port",
                 inet_text_of(&s->name).text);
  return r;
}

static int put_name_back(struct sockets *all, struct socket_state *s) {
  if (!inet_own(s)->point.port)
    return 0;
  if (inet_is_tcp(s))
    let_all_share(all);
  int r = inet_bind(s->now, &s->name);
  return r == -EADDRINUSE && !s->listens ? bind_elsewhere(all, s) : r;
}

// Those that listen, or receive datagrams. What is in a backlog that has changed goes before others want their
// addresses.
int inet_put_name_back(struct sockets *all, struct socket_state *s, struct error *e) {
  if (inet_is_tcp(s) && !s->listens)
    return 0;
  if (s->is_kept && s->listens && !inet_backlog_is_same(all, s))
    inet_empty_backlog(all, s);
  if (s->is_kept)
    return 0;
  int r = put_name_back(all, s);
  if (r == 0 && s->listens && listen(s->now, s->backlog) < 0)
    r = -errno;
  if (r < 0)
    sockets_note(all, "the address %s, on which the program listened or received, cannot be had any more",
                 inet_text_of(&s->name).text);
  return r == -ENOMEM ? error_set_errno(e, r, "cannot bind a socket of process %d again", s->holder) : 0;
}

// ---- connections ----

static int bind_and_read(struct sockets *all, struct socket_state *s, struct socket_name *ret) {
  int r = put_name_back(all, s);
  return r < 0 ? r : socket_read_name(s->now, ret, false);
}

static bool is_listened_to(const struct sockets *all, const struct socket_name *name) {
  struct inet_point at = inet_point_of(&name->address);
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *s = all->item[i];
    if (inet_is_ours(s) && s->listens && inet_own(s)->point.port == at.port)
      return true;
  }
  return false;
}

static int join(const struct sockets *all, int a, const struct socket_name *name_a, int b,
                const struct socket_name *name_b) {
  return is_listened_to(all, name_a) ? inet_join(b, name_b, a, name_a) : inet_join(a, name_a, b, name_b);
}

static int connect_pair(struct sockets *all, struct socket_state *s) {
  struct socket_state *peer = sockets_find(all, s->peer);
  struct socket_name here, there;
  if (!peer || peer->id < s->id || peer->now < 0)
    return 0;
  int r = bind_and_read(all, s, &here);
  if (r == 0)
    r = bind_and_read(all, peer, &there);
  if (r == 0)
    r = join(all, s->now, &here, peer->now, &there);
  return r < 0 ? doom(all, peer, r), doom(all, s, r) : 0;
}

// The peer that had been closed is played by a socket of ours, until what it had sent is there again.
static int connect_to_gone(struct sockets *all, struct socket_state *s) {
  struct socket_name here;
  s->other_end = socket(s->peer_name.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  int r = s->other_end < 0 ? -errno : bind_and_read(all, s, &here);
  if (r == 0) {
    inet_share_port(s->other_end);
    r = inet_bind(s->other_end, &s->peer_name);
  }
  if (r == 0)
    r = join(all, s->now, &here, s->other_end, &s->peer_name);
  if (r == 0)
    return 0;
  cleanup_fd(&s->other_end);
  s->other_end = -1;
  return doom(all, s, r);
}

static int put_stream_back(struct sockets *all, struct socket_state *s) {
  if (s->is_kept || s->listens)
    return 0;
  if (s->peer_kind == SOCKET_PEER_INSIDE)
    return connect_pair(all, s);
  if (s->peer_kind == SOCKET_PEER_GONE)
    return inet_own(s)->has_ended ? 0 : connect_to_gone(all, s);
  if (s->peer_kind != SOCKET_PEER_NONE)
    return 0;
  int r = put_name_back(all, s);
  return r == 0 && inet_own(s)->connects ? inet_begin_connect(s->now, &s->peer_name) : r;
}

int inet_put_connection_back(struct sockets *all, struct socket_state *s, struct error *e) {
  (void)e;
  int r = 0;
  if (inet_is_tcp(s))
    r = put_stream_back(all, s);
  else if (!s->is_kept && s->peer_name.size)
    r = connect(s->now, inet_address(&s->peer_name), s->peer_name.size) < 0 ? -errno : 0;
  if (r < 0)
    sockets_note(all, "a connection of %s cannot be made again", inet_text_of(&s->name).text);
  return 0;
}

// ---- contents ----

// What waits in a backlog holds the port, and so comes when all others have it.
static int fill_backlog(struct sockets *all, struct socket_state *s) {
  int r = inet_backlog_is_same(all, s) ? 0 : inet_put_backlog_back(all, s);
  if (r < 0)
    sockets_note(all, "a connection that waited to be accepted at %s cannot be made again (%s)",
                 inet_text_of(&s->name).text, strerror(-r));
  return 0;
}

static int fill_stream(struct sockets *all, struct socket_state *s) {
  int peer = peer_now(all, s);
  if (s->listens)
    return fill_backlog(all, s);
  if (peer < 0 || inet_own(s)->is_doomed || s->keeps_queue || (s->is_kept && queue_is_same(all, s)))
    return 0;
  int r = s->is_kept ? inet_drain(s->now, peer) : 0;
  if (r == 0)
    r = inet_refill(s->now, peer, &s->queue);
  if (r < 0)
    sockets_note(all, "bytes that waited at %s are lost (%s)", inet_text_of(&s->name).text, strerror(-r));
  return r == -ENOMEM ? r : 0;
}

int inet_fill(struct sockets *all, struct socket_state *s, struct error *e) {
  int r = inet_is_tcp(s) ? fill_stream(all, s) : udp_fill(all, s);
  return r < 0 ? error_set_errno(e, r, "cannot put back what was in the socket %s of process %d",
                                 inet_text_of(&s->name).text, s->holder)
               : 0;
}

static void close_other_end(struct socket_state *s) {
  if (s->has_error)
    inet_reset(s->other_end);
  else
    (void)close(s->other_end);
  s->other_end = -1;
}

// Of connections that are over the address is of no use any more.
static int make_ended(struct socket_state *s) {
  if (inet_own(s)->is_doomed)
    return inet_make_ended(s->now, s->domain, NULL);
  int r = inet_make_ended(s->now, s->domain, &s->other_end);
  return r < 0 ? r : inet_refill(s->now, s->other_end, &s->queue);
}

// A peer that had sent its end sends it again: what is shut down here alone is done here.
static void shut_down(const struct sockets *all, struct socket_state *s) {
  const struct socket_state *peer = s->peer_kind == SOCKET_PEER_INSIDE ? sockets_find(all, s->peer) : NULL;
  if (s->other_end >= 0)
    close_other_end(s);
  if (s->shutdown & SOCKET_NO_SEND)
    (void)shutdown(s->now, SHUT_WR);
  if (peer && (s->shutdown & SOCKET_NO_RECEIVE) && !(peer->shutdown & SOCKET_NO_SEND))
    (void)shutdown(s->now, SHUT_RD);
}

int inet_finish(struct sockets *all, struct socket_state *s, struct error *e) {
  struct inet_own *own = inet_own(s);
  own->shares_port = false;
  if (inet_is_tcp(s) && s->is_kept && s->peer_kind == SOCKET_PEER_OUTSIDE)
    sockets_note(all, "the connection to %s goes on as it is", inet_text_of(&s->peer_name).text);
  if (!inet_is_tcp(s) || s->is_kept || s->listens || s->peer_kind == SOCKET_PEER_WAITING)
    return 0;
  int r = own->is_doomed || own->has_ended ? make_ended(s) : 0;
  if (!own->is_doomed)
    shut_down(all, s);
  return r == -ENOMEM ? error_set_errno(e, r, "cannot make a connection of process %d again", s->holder) : 0;
}
