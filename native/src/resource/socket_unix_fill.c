// SPDX-License-Identifier: EPL-2.0
// Unix domain sockets: connections that wait, queues and half-closes, put back through duplicates.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "resource/socket_unix.h"

// ---- who waits, and who is connected to whom ----

static int accept_all(int listening) {
  int flags = fcntl(listening, F_GETFL), fd;
  (void)fcntl(listening, F_SETFL, flags | O_NONBLOCK);
  while ((fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC)) >= 0)
    (void)close(fd);
  int r = errno == EAGAIN ? 0 : -errno;
  (void)fcntl(listening, F_SETFL, flags);
  return r;
}

static int connect_to_waiting(const struct socket_state *client, const struct socket_state *listening) {
  int flags = fcntl(client->now, F_GETFL);
  (void)fcntl(client->now, F_SETFL, flags | O_NONBLOCK);
  int r = unix_reach(client->now, listening);
  (void)fcntl(client->now, F_SETFL, flags);
  return r;
}

static int put_backlog_back(struct sockets *all, struct socket_state *s) {
  if (unix_backlog_is_same(all, s))
    return 0;
  int r = accept_all(s->now);
  for (size_t i = 0; r == 0 && i < s->waiting_count; i++) {
    const struct socket_state *client = sockets_find(all, s->waiting[i]);
    if (client)
      r = connect_to_waiting(client, s);
    else
      sockets_note(all, "a connection that waited for process %d could not be put back", s->holder);
  }
  return r;
}

static int disconnect(int fd) {
  static const struct socket_name none = {.size = sizeof(sa_family_t)};
  return unix_connect_to(fd, &none, NULL) < 0 && errno != ENOTCONN ? -errno : 0;
}

static bool has_peer_of_then(const struct sockets *all, const struct socket_state *s, const struct unix_diag *now) {
  const struct socket_state *peer = sockets_find(all, s->peer);
  switch (s->peer_kind) {
  case SOCKET_PEER_NONE:
    return !now->has_peer;
  case SOCKET_PEER_INSIDE:
    return now->has_peer && peer && peer->is_kept && now->peer == peer->inode;
  case SOCKET_PEER_GONE:
    return true;
  default:
    return now->has_peer && now->peer == unix_own(s)->peer_inode;
  }
}

static int connect_datagrams(struct sockets *all, struct socket_state *s) {
  struct unix_diag now = {0};
  const struct socket_state *peer = sockets_find(all, s->peer);
  if (s->is_kept && unix_read_diag(s->inode, &now) == 0) {
    bool is_same = has_peer_of_then(all, s, &now);
    unix_diag_done(&now);
    if (is_same)
      return 0;
  }
  switch (s->peer_kind) {
  case SOCKET_PEER_NONE:
    return s->is_kept ? disconnect(s->now) : 0;
  case SOCKET_PEER_INSIDE:
    if (peer->name.size && unix_reach(s->now, peer) < 0)
      sockets_note(all, "a socket of process %d is no longer connected: no name leads to its peer", s->holder);
    return 0;
  case SOCKET_PEER_OUTSIDE:
    if (!s->peer_name.size || unix_connect_to(s->now, &s->peer_name, NULL) < 0)
      sockets_note(all, "a socket of process %d is no longer connected: whom it was connected to is not there",
                   s->holder);
    return 0;
  default:
    return 0;
  }
}

int unix_put_connections_back(struct sockets *all, struct socket_state *s, struct error *e) {
  int r = s->listens ? put_backlog_back(all, s) : unix_is_connected_kind(s) ? 0 : connect_datagrams(all, s);
  return r < 0 ? error_set_errno(e, r, "cannot connect a socket of process %d again", s->holder) : 0;
}

// ---- queues ----

// What fits into the queue then may need more room now, when it was sent in other pieces; the options come last.
static int send_with_room(int fd, const struct socket_message *m, const struct socket_name *to) {
  int r = socket_message_send(fd, m, to);
  int most = 1 << 28;
  if ((r != -EAGAIN && r != -EMSGSIZE && r != -ENOBUFS) ||
      setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof most) < 0)
    return r;
  return socket_message_send(fd, m, to);
}

static int socket_named(const struct sockets *all, const struct socket_name *name) {
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *s = all->item[i];
    if (s->domain == AF_UNIX && s->now >= 0 && s->type == SOCK_DGRAM && unix_is_same_name(&s->name, name))
      return s->now;
  }
  return -1;
}

// A sender that is not of the session cannot be had: its datagram comes from nobody.
static int send_datagram(struct sockets *all, const struct socket_state *s, const struct socket_message *m) {
  int sender = m->sender.size ? socket_named(all, &m->sender) : unix_sender_of(all, s);
  _cleanup_fd_ int stranger = -1;
  if (sender < 0 && m->sender.size)
    sockets_note(all, "who had sent a datagram to process %d is not told any more", s->holder);
  if (sender < 0)
    sender = stranger = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sender < 0)
    return -errno;
  int back = unix_enter_folder(unix_own(s)->folder);
  int r = send_with_room(sender, m, s->name.size ? &s->name : NULL);
  unix_leave_folder(back);
  if (r == -EAGAIN || r == -EPERM || r == -ENOENT || r == -ECONNREFUSED || r == -EPIPE) {
    sockets_note(all, "a datagram for process %d is lost", s->holder);
    return 0;
  }
  return r;
}

// A program outside of the session that has an end, too, may have shut the connection down: that is no reason to lose
// the one inside.
static int fill(struct sockets *all, struct socket_state *s) {
  int sender = unix_sender_of(all, s);
  int r = 0;
  for (size_t i = 0; r == 0 && i < s->queue.count; i++)
    r = s->type == SOCK_DGRAM ? send_datagram(all, s, &s->queue.message[i])
        : sender < 0          ? -ENOTCONN
                              : send_with_room(sender, &s->queue.message[i], NULL);
  if (r != -EPIPE)
    return r;
  sockets_note(all, "what was on its way to process %d in a connection that has been shut down is lost", s->holder);
  return 0;
}

int unix_fill(struct sockets *all, struct socket_state *s, struct error *e) {
  if (s->keeps_queue || s->listens || (s->is_kept && unix_queue_is_same(s)))
    return 0;
  int r = s->is_kept ? socket_queue_drain(s->now) : 0;
  if (r == 0)
    r = fill(all, s);
  return r < 0 ? error_set_errno(e, r, "cannot put back what was in a socket of process %d", s->holder) : 0;
}

// ---- half-closes and errors ----

static unsigned shutdown_now(const struct socket_state *s) {
  struct unix_diag now;
  if (!s->is_kept || unix_read_diag(s->inode, &now) < 0)
    return 0;
  unix_diag_done(&now);
  return now.shutdown;
}

// A byte that nobody has read when its receiver closes is a reset for its sender.
static void close_other_end(struct socket_state *s) {
  if (s->has_error)
    (void)send(s->now, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  cleanup_fd(&s->other_end);
  s->other_end = -1;
}

static void take_error(const struct socket_state *s) {
  int error;
  socklen_t size = sizeof error;
  if (s->is_kept && !s->has_error && s->peer_kind != SOCKET_PEER_OUTSIDE)
    (void)getsockopt(s->now, SOL_SOCKET, SO_ERROR, &error, &size);
}

int unix_finish(struct sockets *all, struct socket_state *s, struct error *e) {
  (void)all;
  if (s->other_end >= 0)
    close_other_end(s);
  unix_forget_way(unix_own(s));
  unsigned missing = s->shutdown & ~shutdown_now(s);
  int r = 0;
  if (missing & SOCKET_NO_SEND && shutdown(s->now, SHUT_WR) < 0 && errno != ENOTCONN)
    r = -errno;
  if (missing & SOCKET_NO_RECEIVE && shutdown(s->now, SHUT_RD) < 0 && errno != ENOTCONN)
    r = -errno;
  take_error(s);
  return r < 0 ? error_set_errno(e, r, "cannot shut down a socket of process %d again", s->holder) : 0;
}
