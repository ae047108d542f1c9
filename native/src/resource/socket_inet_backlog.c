// SPDX-License-Identifier: EPL-2.0
// Backlogs: connections that no process has accepted yet.
//
// What a client has sent nobody can read before it is accepted. So it is: what it has sent is copied, and the client,
// which stays the socket that it is, connects once more and sends it again.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "resource/socket_inet.h"

enum { PATIENCE_MS = 1500 };

void inet_backlog_done(struct inet_own *own) {
  for (size_t i = 0; i < own->waiting_count; i++)
    socket_queue_done(&own->waiting[i].sent);
  free(own->waiting);
  own->waiting = NULL;
  own->waiting_count = 0;
}

// ---- who waits ----

static bool is_waiting_at(const struct socket_state *s, const struct tcp_connection *c) {
  return !c->inode && (c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT) &&
         inet_point_covers(&inet_own(s)->point, &c->local);
}

// How many wait, of whom.
struct crowd {
  unsigned inside, outside;  // without those that have been reset, which the kernel's table does not show
};

// `is_of_session`: whether the socket with that inode is.
static int count(const struct sockets *all, const struct socket_state *s,
                 bool (*is_of_session)(const struct sockets *all, ino_t inode), struct crowd *ret) {
  struct tcp_connections now;
  *ret = (struct crowd){0};
  int r = tcp_connections_read(&now);
  if (r < 0)
    return r;
  for (size_t i = 0; i < now.count; i++) {
    if (!is_waiting_at(s, &now.item[i]))
      continue;
    const struct tcp_connection *client = tcp_connections_find(&now, &now.item[i].remote, &now.item[i].local);
    bool is_outside = client && client->inode && !is_of_session(all, client->inode);
    *(is_outside ? &ret->outside : &ret->inside) += 1;
  }
  tcp_connections_done(&now);
  return 0;
}

static bool is_in_table(const struct sockets *all, ino_t inode) { return sockets_find_inode(all, inode); }

static struct socket_state *client_at(const struct sockets *all, const struct inet_point *client,
                                      const struct inet_point *server) {
  for (size_t i = 0; i < all->count; i++) {
    struct socket_state *o = all->item[i];
    if (inet_is_ours(o) && inet_is_tcp(o) && o->peer_name.size && inet_point_is_same(&inet_own(o)->point, client) &&
        inet_point_is_same(&inet_own(o)->peer_point, server))
      return o;
  }
  return NULL;
}

// ---- putting in ----

static int accept_one(int listening, struct socket_name *ret_client) {
  int flags = fcntl(listening, F_GETFL);
  *ret_client = (struct socket_name){.size = sizeof ret_client->address};
  (void)fcntl(listening, F_SETFL, flags | O_NONBLOCK);
  int fd = accept4(listening, (struct sockaddr *)&ret_client->address, &ret_client->size, SOCK_CLOEXEC);
  int r = fd < 0 ? -errno : fd;
  (void)fcntl(listening, F_SETFL, flags);
  return r;
}

static int wait_for_connection(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  return poll(&p, 1, PATIENCE_MS) == 1 && !(p.revents & POLLERR) ? 0 : -ECONNREFUSED;
}

// The client is not connected; its port may be taken in the meantime by nobody that minds.
static int put_in(int client, const struct inet_waiting *w, const struct socket_name *server) {
  inet_share_port(client);
  (void)inet_bind(client, &w->name);
  int r = inet_begin_connect(client, server);
  if (r == 0)
    r = wait_for_connection(client);
  if (r == 0)
    r = inet_begin_connect(client, server);
  if (r == 0)
    r = inet_refill(-1, client, &w->sent);
  if (r == 0 && w->has_ended && shutdown(client, SHUT_WR) < 0)
    r = -errno;
  return r;
}

// The address that clients use, of a socket that may listen on all of them.
static struct socket_name server_name(const struct sockets *all, const struct socket_state *s,
                                      const struct inet_waiting *w) {
  const struct socket_state *client = sockets_find(all, w->client);
  if (client)
    return client->peer_name;
  struct inet_point at = inet_own(s)->point, client_at_point = inet_point_of(&w->name.address);
  at.address = client_at_point.address;  // it was closed, and had been on this machine
  return inet_name_of(&at, w->name.address.ss_family);
}

// One that had been closed is played by a socket of ours.
static int put_closed_in(const struct inet_waiting *w, const struct socket_name *server) {
  _cleanup_fd_ int fd = socket(w->name.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  int r = fd < 0 ? -errno : put_in(fd, w, server);
  if (w->is_reset)
    inet_reset(fd_take(&fd));
  return r;
}

static void mend_options(int fd, const struct socket_state *s) { (void)socket_options_set(fd, s); }

// ---- capture ----

static int take_out(struct sockets *all, struct socket_state *s, struct error *e) {
  struct inet_own *own = inet_own(s);
  for (;;) {
    struct inet_waiting w = {0};
    struct inet_view v = {0};
    _cleanup_fd_ int fd = accept_one(own->held, &w.name);
    if (fd < 0)
      return fd == -EAGAIN ? 0 : fd;
    struct inet_point at = inet_point_of(&w.name.address);
    int r = inet_look(fd, &v);
    struct inet_point here = inet_point_of(&v.name.address);
    struct socket_state *client = r == 0 ? client_at(all, &at, &here) : NULL;
    if (r == 0)
      r = inet_peek(fd, client ? inet_own(client)->held : -1, &w.sent);
    if (r == 0)
      r = inet_look(fd, &v);
    w.has_ended = v.shutdown & SOCKET_NO_RECEIVE;
    w.is_reset = v.state == TCP_CLOSE;
    w.client = client ? client->id : 0;
    w.name = client ? client->name : w.name;
    own->waiting = must_realloc(own->waiting, own->waiting_count + 1, sizeof *own->waiting);
    own->waiting[own->waiting_count++] = w;
    if (r < 0)
      return error_set_errno(e, r, "cannot read a connection that waits to be accepted by process %d", s->holder);
    if (client)
      (void)inet_disconnect(inet_own(client)->held);
    inet_reset(fd_take(&fd));
  }
}

static int put_back_in(struct sockets *all, struct socket_state *s) {
  struct inet_own *own = inet_own(s);
  int r = 0;
  for (size_t i = 0; i < own->waiting_count; i++) {
    const struct inet_waiting *w = &own->waiting[i];
    struct socket_state *client = sockets_find(all, w->client);
    struct socket_name server = server_name(all, s, w);
    struct inet_view v;
    int one = client ? put_in(inet_own(client)->held, w, &server) : put_closed_in(w, &server);
    r = r < 0 ? r : one;
    if (!client)
      continue;
    mend_options(inet_own(client)->held, client);
    if (inet_look(inet_own(client)->held, &v) == 0)
      inet_own(client)->acknowledged = v.acknowledged;
  }
  return r;
}

static void note_clients(struct sockets *all, struct socket_state *s) {
  struct inet_own *own = inet_own(s);
  s->waiting = must_alloc((own->waiting_count + 1) * sizeof *s->waiting);
  for (; s->waiting_count < own->waiting_count; s->waiting_count++) {
    s->waiting[s->waiting_count] = own->waiting[s->waiting_count].client;
    struct socket_state *client = sockets_find(all, s->waiting[s->waiting_count]);
    if (!client)
      continue;
    client->peer_kind = SOCKET_PEER_WAITING;
    client->peer = s->id;
  }
}

// Where one from outside waits among them, nobody can be taken out: it could not be put in again.
int inet_survey_backlog(struct sockets *all, struct socket_state *s, struct error *e) {
  struct crowd crowd = {0};
  struct inet_view v;
  int r = inet_look(inet_own(s)->held, &v);
  if (r == 0 && !v.waiting)
    return 0;
  if (r == 0)
    r = count(all, s, is_in_table, &crowd);
  if (r < 0)
    return error_set_errno(e, r, "cannot find who waits to be accepted by process %d", s->holder);
  if (crowd.outside >= v.waiting)
    return 0;
  if (crowd.outside)
    return error_set(e, ERROR_REFUSED,
                     "connections from outside and of the session's own wait to be accepted at %s by process %d, which "
                     "snapshots cannot hold: take the snapshot when they have been accepted",
                     inet_text_of(&s->name).text, s->holder);
  r = take_out(all, s, e);
  note_clients(all, s);
  int back = put_back_in(all, s);
  r = r < 0 ? r : back;
  return r < 0 ? error_set_errno(e, r, "cannot put back the connections that wait to be accepted by process %d",
                                 s->holder)
               : 0;
}

// ---- rewind ----

static bool is_still_waiting(const struct sockets *all, const struct inet_waiting *w) {
  const struct socket_state *client = sockets_find(all, w->client);
  struct inet_view v;
  if (!client)
    return true;  // nobody can tell; their number does
  if (client->now < 0 || inet_look(client->now, &v) < 0)
    return false;
  return v.acknowledged == inet_own(client)->acknowledged && inet_is_same_name(&v.name, &client->name) &&
         inet_is_same_name(&v.peer_name, &client->peer_name) && v.shutdown == client->shutdown;
}

bool inet_backlog_is_same(const struct sockets *all, const struct socket_state *s) {
  const struct inet_own *own = inet_own(s);
  struct inet_view v;
  struct crowd crowd = {0};
  if (s->now < 0 || inet_look(s->now, &v) < 0 || v.state != TCP_LISTEN)
    return false;
  if (!v.waiting)
    return !own->waiting_count;
  if (count(all, s, sockets_is_of_session, &crowd) < 0 || v.waiting - crowd.outside != own->waiting_count)
    return false;
  for (size_t i = 0; i < own->waiting_count; i++)
    if (!is_still_waiting(all, &own->waiting[i]))
      return false;
  return true;
}

void inet_empty_backlog(struct sockets *all, struct socket_state *s) {
  struct socket_name client;
  unsigned lost = 0;
  int fd;
  while ((fd = accept_one(s->now, &client)) >= 0) {
    struct inet_view v;
    lost += inet_look(fd, &v) == 0 && v.state == TCP_ESTABLISHED;
    inet_reset(fd);
  }
  if (lost)
    sockets_note(all, "%u connection%s from outside that waited at %s %s reset", lost, lost == 1 ? "" : "s",
                 inet_text_of(&s->name).text, lost == 1 ? "was" : "were");
}

int inet_put_backlog_back(struct sockets *all, struct socket_state *s) {
  struct inet_own *own = inet_own(s);
  int r = 0;
  for (size_t i = 0; i < own->waiting_count; i++) {
    const struct inet_waiting *w = &own->waiting[i];
    struct socket_state *client = sockets_find(all, w->client);
    struct socket_name server = server_name(all, s, w);
    int one = client ? put_in(client->now, w, &server) : put_closed_in(w, &server);
    r = r < 0 ? r : one;
  }
  return r;
}
