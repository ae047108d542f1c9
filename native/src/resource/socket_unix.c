// SPDX-License-Identifier: EPL-2.0
// Unix domain sockets: what they are, and whether they still are it.
#include "resource/socket_unix.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/status.h"
#include "proto/image.pb-c.h"

enum { NAME_OFFSET = offsetof(struct sockaddr_un, sun_path), PATH_BYTES = 4096, BOTH_WAYS = 3 };

bool unix_has_path(const struct socket_name *name) { return name->size > NAME_OFFSET && *unix_path_of(name); }

bool unix_is_same_name(const struct socket_name *a, const struct socket_name *b) {
  return a->size == b->size && memcmp(&a->address, &b->address, a->size) == 0;
}

// A socket without a name has an address all the same, of a family and nothing else.
int socket_read_name(int fd, struct socket_name *ret, bool of_peer) {
  *ret = (struct socket_name){.size = sizeof ret->address - 1};
  struct sockaddr *address = (struct sockaddr *)&ret->address;
  int r = of_peer ? getpeername(fd, address, &ret->size) : getsockname(fd, address, &ret->size);
  if (r < 0 || ret->size >= sizeof ret->address) {
    r = -errno;
    *ret = (struct socket_name){0};
    return of_peer ? 0 : r;
  }
  if (ret->address.ss_family == AF_UNIX && ret->size <= NAME_OFFSET)
    *ret = (struct socket_name){0};
  return 0;
}

// Opened once: a snapshot of a thousand sockets asks a thousand times while the program stands still.
int unix_read_diag(ino_t inode, struct unix_diag *ret) {
  static int diag = -1;
  if (diag < 0)
    diag = unix_diag_open();
  return diag < 0 ? diag : unix_diag_read(diag, inode, ret);
}

// ---- capture ----

static int stat_name(const struct socket_state *s, struct stat *ret) {
  _cleanup_free_ char *path = unix_full_path(&s->name, unix_own(s)->folder);
  return stat(path, ret) < 0 ? -errno : 0;
}

bool unix_file_is_there(const struct socket_state *s, const struct unix_diag *now, mode_t *ret_mode) {
  struct stat st;
  *ret_mode = 0;
  if (!unix_has_path(&s->name) || stat_name(s, &st) < 0 || !now->has_file || (uint32_t)st.st_ino != now->file_inode ||
      makedev(now->file_device >> 20, now->file_device & 0xfffff) != st.st_dev)
    return false;
  *ret_mode = st.st_mode;
  return true;
}

static char *folder_of(pid_t pid) {
  char link[64], folder[PATH_BYTES];
  (void)snprintf(link, sizeof link, "/proc/%d/cwd", pid);
  ssize_t n = readlink(link, folder, sizeof folder - 1);
  return must_format("%.*s", n < 0 ? 0 : (int)n, folder);
}

// A relative name begins where the process stood when it gave it: where it stands now, as a rule.
static void find_file(struct socket_state *s, const struct unix_diag *d) {
  if (!unix_has_path(&s->name))
    return;
  if (unix_path_of(&s->name)[0] != '/')
    unix_own(s)->folder = folder_of(s->holder ? s->holder : getpid());
  (void)unix_file_is_there(s, d, &unix_own(s)->file_mode);
}

char *socket_file_of(pid_t pid, int fd, ino_t inode, ino_t *ret_file) {
  struct unix_own own = {.way = -1};
  struct socket_state s = {.holder = pid, .own = &own};
  struct unix_diag now;
  socklen_t size = sizeof s.type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &s.type, &size) < 0 || socket_read_name(fd, &s.name, false) < 0 ||
      s.name.address.ss_family != AF_UNIX || !unix_has_path(&s.name) || unix_read_diag(inode, &now) < 0)
    return NULL;
  // One that was accepted has the name of the one that listens, and no file of its own.
  if (!unix_is_connected_kind(&s) || !now.has_peer)
    find_file(&s, &now);
  *ret_file = now.file_inode;
  unix_diag_done(&now);
  char *path = own.file_mode ? unix_full_path(&s.name, own.folder) : NULL;
  free(own.folder);
  return path;
}

static int refuse(const struct socket_state *s, const char *what, const char *advice, struct error *e) {
  char name[64];
  process_name(s->holder, name, sizeof name);
  return error_set(e, ERROR_REFUSED, "process %d (%s) has a socket %s, which snapshots cannot hold yet: %s", s->holder,
                   name, what, advice);
}

static bool has_error(int fd) {
  struct pollfd p = {.fd = fd};
  return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

static void take_diag(struct socket_state *s, struct unix_diag *d) {
  struct unix_own *own = unix_own(s);
  own->has_peer = d->has_peer;
  own->peer_inode = d->peer;
  own->unsent = d->unsent;
  s->waiting_count = d->waiting_count;
  s->waiting = must_alloc((d->waiting_count + 1) * sizeof *s->waiting);
  own->waiting_inode = must_alloc((d->waiting_count + 1) * sizeof *own->waiting_inode);
  for (size_t i = 0; i < d->waiting_count; i++)
    own->waiting_inode[i] = d->waiting[i];
  s->shutdown = d->shutdown;
  s->backlog = (int)d->backlog;
}

static int unix_capture(struct sockets *all, struct socket_state *s, int fd, struct error *e) {
  struct unix_diag d;
  struct unix_own *own = s->own = must_alloc(sizeof *own);
  *own = (struct unix_own){.way = -1};
  int r = unix_read_diag(s->inode, &d);
  if (r == -ENOENT)
    return refuse(s, "that cannot be looked into (of another network namespace, perhaps)", "close it first", e);
  if (r == 0) {
    take_diag(s, &d);
    r = socket_read_name(fd, &s->name, false);
    (void)socket_read_name(fd, &s->peer_name, true);
    find_file(s, &d);
    unix_diag_done(&d);
  }
  if (r < 0)
    return error_set_errno(e, r, "cannot read a socket of process %d", s->holder);
  s->has_error = has_error(fd);
  if (s->listens)
    return 0;
  r = socket_queue_peek(fd, all, s, &s->queue, e);
  socket_queue_let_go(&s->queue);
  return r;
}

// What a client has sent before it was accepted can be read by nobody.
static int survey_waiting(struct sockets *all, struct socket_state *s, struct error *e) {
  struct unix_own *own = unix_own(s);
  for (size_t i = 0; i < s->waiting_count; i++) {
    struct socket_state *client = sockets_find_inode(all, own->waiting_inode[i]);
    if (!client)
      continue;
    s->waiting[i] = client->id;
    client->peer_kind = SOCKET_PEER_WAITING;
    client->peer = s->id;
    if (unix_own(client)->unsent)
      return refuse(client, "that has sent bytes and has not been accepted yet",
                    "take the snapshot when the connection has been accepted", e);
  }
  return 0;
}

// An abstract name that can be had is nobody's own.
static bool is_abstract_name_free(const struct socket_state *s) {
  _cleanup_fd_ int fd = socket(AF_UNIX, s->type | SOCK_CLOEXEC, 0);
  return fd >= 0 && unix_bind(fd, &s->name, NULL) == 0;
}

// A connected socket may have been bound before, or have been accepted.
static bool is_bound(const struct sockets *all, const struct socket_state *s) {
  if (!s->name.size || !unix_is_connected_kind(s) || !unix_own(s)->has_peer)
    return s->name.size > 0;
  for (size_t i = 0; i < all->count; i++)
    if (all->item[i]->listens && unix_is_same_name(&all->item[i]->name, &s->name))
      return false;
  return unix_has_path(&s->name) ? unix_own(s)->file_mode != 0 : !is_abstract_name_free(s);
}

static int unix_survey(struct sockets *all, struct socket_state *s, struct error *e) {
  struct unix_own *own = unix_own(s);
  own->is_bound = is_bound(all, s);
  own->file_mode = own->is_bound ? own->file_mode : 0;
  if (s->listens)
    return survey_waiting(all, s, e);
  if (s->peer_kind == SOCKET_PEER_WAITING || !own->has_peer)
    return 0;
  const struct socket_state *peer = sockets_find_inode(all, own->peer_inode);
  bool has_gone = !own->peer_inode && (!unix_is_connected_kind(s) || s->shutdown == BOTH_WAYS);
  s->peer_kind = peer ? SOCKET_PEER_INSIDE : has_gone ? SOCKET_PEER_GONE : SOCKET_PEER_OUTSIDE;
  s->peer = peer ? peer->id : 0;
  s->keeps_queue = s->peer_kind == SOCKET_PEER_OUTSIDE;
  return 0;
}

// ---- is it still the same? ----

bool unix_queue_is_same(struct socket_state *s) {
  struct socket_queue now = {0};
  if (s->queue_is_same < 0) {
    s->queue_is_same = socket_queue_peek(s->now, NULL, s, &now, NULL) == 0 && socket_queue_is_same(&s->queue, &now);
    socket_queue_done(&now);
  }
  return s->queue_is_same;
}

static bool can_send(const struct sockets *all, const struct socket_state *s) {
  struct unix_diag now;
  const struct socket_state *peer = sockets_find(all, s->peer);
  if (!peer || peer->now < 0 || unix_read_diag(peer->inode, &now) < 0)
    return false;
  unix_diag_done(&now);
  return !(now.shutdown & SOCKET_NO_SEND);
}

int unix_sender_of(const struct sockets *all, const struct socket_state *s) {
  const struct socket_state *peer = sockets_find(all, s->peer);
  if (s->other_end >= 0)
    return s->other_end;
  if (peer && peer->peer == s->id)
    return peer->now;
  for (size_t i = 0; i < all->count; i++)
    if (all->item[i]->peer == s->id && all->item[i]->peer_kind == SOCKET_PEER_INSIDE)
      return all->item[i]->now;
  return -1;
}

// A stream can be filled from its other end only; datagrams also by name, while it still receives.
static bool can_be_filled(const struct sockets *all, struct socket_state *s, const struct unix_diag *now) {
  if (s->keeps_queue || s->listens || unix_queue_is_same(s))
    return true;
  if (unix_is_connected_kind(s))
    return s->peer_kind == SOCKET_PEER_INSIDE && can_send(all, s);
  return !(now->shutdown & SOCKET_NO_RECEIVE) && (s->name.size || unix_sender_of(all, s) >= 0);
}

static bool has_sent(const struct sockets *all, const struct socket_state *s, const struct socket_state *to) {
  for (size_t i = 0; i < to->queue.count; i++) {
    const struct socket_name *sender = &to->queue.message[i].sender;
    if (sender->size ? unix_is_same_name(sender, &s->name) : unix_sender_of(all, to) == s->now)
      return true;
  }
  return false;
}

// A datagram comes from the one that has sent it, and one that has been shut down sends nothing again.
static bool must_send_again(const struct sockets *all, const struct socket_state *s) {
  for (size_t i = 0; i < all->count; i++) {
    struct socket_state *to = all->item[i];
    bool is_filled = to->domain == AF_UNIX && to->type == SOCK_DGRAM && !to->keeps_queue && !to->of_caller &&
                     !(to->is_kept && unix_queue_is_same(to));
    if (is_filled && has_sent(all, s, to))
      return true;
  }
  return false;
}

bool unix_backlog_is_same(const struct sockets *all, const struct socket_state *s) {
  struct unix_diag now;
  const struct unix_own *own = unix_own(s);
  if (!s->is_kept || unix_read_diag(s->inode, &now) < 0)
    return false;
  bool is_same = now.waiting_count >= s->waiting_count;
  for (size_t i = 0; is_same && i < now.waiting_count; i++)
    is_same = i < s->waiting_count ? now.waiting[i] == own->waiting_inode[i]
                                   : now.waiting[i] && !sockets_is_of_session(all, now.waiting[i]);
  unix_diag_done(&now);
  return is_same;
}

static bool is_backlog_of_kept(const struct sockets *all, const struct socket_state *s) {
  const struct socket_state *listening = sockets_find(all, s->peer);
  return listening && unix_backlog_is_same(all, listening);
}

// What a shut down socket was before it nobody can make of it, nor free one of its name, its peer or its backlog.
static bool is_connection_kept(const struct sockets *all, const struct socket_state *s, const struct unix_diag *now) {
  const struct socket_state *peer = sockets_find(all, s->peer);
  if (now->shutdown & ~s->shutdown)
    return false;
  switch (s->peer_kind) {
  case SOCKET_PEER_NONE:
    return !now->has_peer;
  case SOCKET_PEER_INSIDE:
    return peer && peer->is_kept && now->peer == peer->inode;
  case SOCKET_PEER_WAITING:
    return is_backlog_of_kept(all, s);
  default:
    return now->has_peer;
  }
}

// Datagram sockets are connected again where the other one has a name.
static bool is_datagram_kept(const struct sockets *all, const struct socket_state *s, const struct unix_diag *now) {
  const struct socket_state *peer = sockets_find(all, s->peer);
  if (now->shutdown & ~s->shutdown || (now->shutdown & SOCKET_NO_SEND && must_send_again(all, s)))
    return false;
  if (s->peer_kind != SOCKET_PEER_INSIDE)
    return true;
  return peer && (peer->name.size || (peer->is_kept && now->peer == peer->inode));
}

static bool is_still(const struct sockets *all, struct socket_state *s, const struct unix_diag *now) {
  struct socket_name name;
  mode_t mode;
  int listens = 0;
  socklen_t size = sizeof listens;
  if (socket_read_name(s->now, &name, false) < 0 || !unix_is_same_name(&name, &s->name) ||
      getsockopt(s->now, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || (listens != 0) != s->listens)
    return false;
  if (unix_own(s)->file_mode && !unix_file_is_there(s, now, &mode))
    return false;
  if (s->has_error && !has_error(s->now))
    return false;
  // Nobody can be put into the backlog of one that no name leads to.
  if (s->listens)
    return !unix_has_path(&s->name) || unix_own(s)->file_mode || unix_backlog_is_same(all, s);
  return unix_is_connected_kind(s) ? is_connection_kept(all, s, now) : is_datagram_kept(all, s, now);
}

static bool unix_is_kept(struct sockets *all, struct socket_state *s) {
  struct unix_diag now;
  if (unix_read_diag(s->inode, &now) < 0)
    return false;
  bool is_kept = is_still(all, s, &now) && can_be_filled(all, s, &now);
  unix_diag_done(&now);
  return is_kept;
}

static void unix_done(struct socket_state *s) {
  struct unix_own *own = unix_own(s);
  if (!own)
    return;
  unix_forget_way(own);
  free(own->folder);
  free(own->waiting_inode);
  free(own);
}

static void unix_describe(const struct socket_state *s, Snapback__Image__Socket *to) {
  to->file_mode = unix_own(s)->file_mode;
  to->bound = unix_own(s)->is_bound;
  if (unix_own(s)->folder)
    to->folder = must_strdup(unix_own(s)->folder);
}

static void unix_recreate(struct socket_state *s, const Snapback__Image__Socket *from) {
  struct unix_own *own = must_alloc(sizeof *own);
  *own = (struct unix_own){
      .has_peer = s->peer_kind != SOCKET_PEER_NONE, .is_bound = from->bound, .file_mode = from->file_mode, .way = -1};
  own->folder = *from->folder ? must_strdup(from->folder) : NULL;
  own->waiting_inode = must_alloc((s->waiting_count + 1) * sizeof *own->waiting_inode);
  s->own = own;
}

const struct socket_family socket_unix = {
    .domain = AF_UNIX,
    .capture = unix_capture,
    .survey = unix_survey,
    .is_kept = unix_is_kept,
    .make = unix_make,
    .bind = unix_put_name_back,
    .connect = unix_put_connections_back,
    .fill = unix_fill,
    .finish = unix_finish,
    .done = unix_done,
    .describe = unix_describe,
    .recreate = unix_recreate,
    .check = unix_check,
};
