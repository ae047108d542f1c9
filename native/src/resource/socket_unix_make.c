// SPDX-License-Identifier: EPL-2.0
// Unix domain sockets made anew, in the supervisor, while nothing of the program is changed.
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "resource/socket_unix.h"

// ---- connections ----

static int make_one(const struct socket_state *s) {
  int fd = socket(AF_UNIX, s->type | SOCK_CLOEXEC, s->protocol);
  return fd < 0 ? -errno : fd;
}

static int make_pair(const struct socket_state *s, int ret[2]) {
  return socketpair(AF_UNIX, s->type | SOCK_CLOEXEC, s->protocol, ret) < 0 ? -errno : 0;
}

static int accept_now(int listening) {
  int flags = fcntl(listening, F_GETFL);
  (void)fcntl(listening, F_SETFL, flags | O_NONBLOCK);
  int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
  int r = fd < 0 ? -errno : fd;
  (void)fcntl(listening, F_SETFL, flags);
  return r;
}

// Another program may have been faster: whom it reaches is not to be taken for the one that we have connected. A kernel
// that cannot tell has no living socket of the snapshot either, and the name is ours alone.
static bool is_first_in_backlog(int client, int listening) {
  struct stat who, whose;
  struct unix_diag now;
  if (fstat(client, &who) < 0 || fstat(listening, &whose) < 0)
    return false;
  if (unix_read_diag(whose.st_ino, &now) < 0)
    return true;
  bool is_first = now.waiting_count && now.waiting[0] == who.st_ino;
  unix_diag_done(&now);
  return is_first;
}

static int connect_through(int listening, const struct socket_state *s, const struct socket_name *name, int ret[2]) {
  _cleanup_fd_ int client = make_one(s);
  const char *folder = unix_own(s)->folder;
  if (client < 0)
    return client;
  (void)fcntl(client, F_SETFL, O_NONBLOCK);
  int r = unix_connect_to(client, name, folder);
  if (r == 0 && !is_first_in_backlog(client, listening))
    r = -EADDRINUSE;
  int accepted = r < 0 ? r : accept_now(listening);
  if (accepted < 0)
    return accepted;
  (void)fcntl(client, F_SETFL, 0);
  ret[0] = fd_take(&client);
  ret[1] = accepted;
  return 0;
}

static int bind_and_connect(const struct socket_state *s, int ret[2]) {
  _cleanup_fd_ int listening = make_one(s);
  if (listening < 0)
    return listening;
  int r = unix_bind(listening, &s->name, unix_own(s)->folder);
  if (r == 0 && listen(listening, 1) < 0)
    r = -errno;
  return r < 0 ? r : connect_through(listening, s, &s->name, ret);
}

// Those that wait would be accepted first, and are the program's still: the plan may fail.
static bool has_empty_backlog(const struct socket_state *listening) {
  struct unix_diag now;
  if (unix_read_diag(listening->inode, &now) < 0)
    return false;
  bool is_empty = now.waiting_count == 0;
  unix_diag_done(&now);
  return is_empty;
}

static const struct socket_state *find_living_listener(const struct sockets *all, const struct socket_name *name) {
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *l = all->item[i];
    if (l->listens && l->is_kept && unix_is_same_name(&l->name, name))
      return l;
  }
  return NULL;
}

// A socket that was accepted has the name of the one that listened. In the file system another one can have that name
// for a moment; of an abstract name there is but one.
static int make_accepted(const struct sockets *all, const struct socket_state *s, int ret[2]) {
  if (!unix_has_path(&s->name)) {
    const struct socket_state *l = find_living_listener(all, &s->name);
    if (!l)
      return bind_and_connect(s, ret);
    return has_empty_backlog(l) ? connect_through(l->now, s, &s->name, ret) : -EADDRINUSE;
  }
  _cleanup_free_ char *path = unix_full_path(&s->name, unix_own(s)->folder);
  char *aside;
  int r = unix_set_aside(path, &aside);
  if (r < 0)
    return r;
  r = bind_and_connect(s, ret);
  if (r == 0)
    (void)unlink(path);
  unix_take_back(path, aside);
  return r;
}

// The one that was accepted: the other one was connected to its name.
static bool was_accepted(const struct socket_state *s, const struct socket_state *peer) {
  return s->name.size && !unix_own(s)->is_bound &&
         (!peer || (peer->peer_name.size && unix_is_same_name(&peer->peer_name, &s->name))) &&
         unix_is_connected_kind(s);
}

// Where the name cannot be had, the connection is worth more than its name.
static int make_connection(const struct sockets *all, const struct socket_state *s, const struct socket_state *peer,
                           int ret[2]) {
  int ends[2];
  if (peer && was_accepted(peer, s) && !was_accepted(s, peer)) {
    int r = make_connection(all, peer, s, ends);
    ret[0] = ends[1];
    ret[1] = ends[0];
    return r;
  }
  if (!was_accepted(s, peer) || make_accepted(all, s, ends) < 0)
    return make_pair(s, ret);
  ret[0] = ends[1];
  ret[1] = ends[0];
  return 0;
}

static int make_with_peer(const struct sockets *all, struct socket_state *s) {
  struct socket_state *peer = s->peer_kind == SOCKET_PEER_INSIDE ? sockets_find(all, s->peer) : NULL;
  int ends[2];
  int r = make_connection(all, s, peer, ends);
  if (r < 0)
    return r;
  s->now = ends[0];
  *(peer ? &peer->now : &s->other_end) = ends[1];
  return 0;
}

static bool is_made_as_pair(const struct sockets *all, const struct socket_state *s) {
  const struct socket_state *peer = sockets_find(all, s->peer);
  switch (s->peer_kind) {
  case SOCKET_PEER_INSIDE:
    return unix_is_connected_kind(s) || (!peer->name.size && !peer->is_kept && peer->now < 0);
  case SOCKET_PEER_OUTSIDE:
    return unix_is_connected_kind(s);
  case SOCKET_PEER_GONE:
    return true;
  default:
    return false;
  }
}

int unix_make(struct sockets *all, struct socket_state *s, struct error *e) {
  int r = 0;
  if (unix_check_name(all, s, e) < 0)
    return -1;
  if (is_made_as_pair(all, s))
    r = make_with_peer(all, s);
  else
    r = s->now = make_one(s);
  if (r < 0) {
    s->now = -1;
    return error_set_errno(e, r, "cannot make a socket of process %d again", s->holder);
  }
  if (s->peer_kind == SOCKET_PEER_OUTSIDE && unix_is_connected_kind(s))
    sockets_note(all,
                 "a connection of process %d to a program outside of the session could not be put back: it is closed",
                 s->holder);
  return 0;
}
