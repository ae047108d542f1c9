// SPDX-License-Identifier: EPL-2.0
// Netlink sockets: their number and groups come back; what the kernel had told them and nobody has read does not.
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "proto/image.pb-c.h"
#include "resource/sockets.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

enum { WORDS = 32, BITS = 32 };

struct netlink_own {
  uint32_t groups[WORDS];  // bit 0 of the first word is group 1
  bool has_unread;
};

static struct netlink_own *own_of(const struct socket_state *s) { return s->own; }

static const int options[] = {NETLINK_PKTINFO, NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS,
                              NETLINK_CAP_ACK, NETLINK_EXT_ACK,         NETLINK_GET_STRICT_CHK};

static bool has_unread(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static struct sockaddr_nl *address_of(struct socket_name *name) { return (struct sockaddr_nl *)(void *)&name->address; }

static int netlink_capture(struct sockets *all, struct socket_state *s, int fd, struct error *e) {
  (void)all;
  struct netlink_own *own = s->own = must_alloc(sizeof *own);
  socklen_t size = sizeof own->groups;
  (void)getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, own->groups, &size);
  own->has_unread = has_unread(fd);
  s->keeps_queue = true;
  int r = socket_read_name(fd, &s->name, false);
  (void)socket_read_name(fd, &s->peer_name, true);
  for (size_t i = 0; r == 0 && i < sizeof options / sizeof options[0]; i++)
    r = socket_option_add(fd, s, SOL_NETLINK, options[i]);
  return r < 0 ? error_set_errno(e, r, "cannot read a netlink socket of process %d", s->holder) : 0;
}

static int netlink_survey(struct sockets *all, struct socket_state *s, struct error *e) {
  (void)all, (void)e;
  s->peer_kind = SOCKET_PEER_NONE;
  return 0;
}

// Its number can be given once only; groups can be joined and left.
static bool netlink_is_kept(struct sockets *all, struct socket_state *s) {
  (void)all;
  struct socket_name now;
  return socket_read_name(s->now, &now, false) == 0 && address_of(&now)->nl_pid == address_of(&s->name)->nl_pid;
}

static int netlink_make(struct sockets *all, struct socket_state *s, struct error *e) {
  (void)all;
  s->now = socket(AF_NETLINK, s->type | SOCK_CLOEXEC, s->protocol);
  int r = s->now < 0 ? -errno : socket_options_set(s->now, s);
  return r < 0 ? error_set_errno(e, r, "cannot make a netlink socket of process %d again", s->holder) : 0;
}

static bool is_in(const uint32_t *groups, int group) { return groups[group / BITS] & (1U << group % BITS); }

static int join_and_leave(struct socket_state *s) {
  uint32_t now[WORDS] = {0};
  socklen_t size = sizeof now;
  int result = 0;
  (void)getsockopt(s->now, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, now, &size);
  for (int i = 0; i < WORDS * BITS; i++) {
    int group = i + 1, what = is_in(own_of(s)->groups, i) ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;
    if (is_in(now, i) != is_in(own_of(s)->groups, i) && setsockopt(s->now, SOL_NETLINK, what, &group, sizeof group) < 0)
      result = -errno;
  }
  return result;
}

static int give_number(struct sockets *all, struct socket_state *s) {
  struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_pid = address_of(&s->name)->nl_pid};
  if (!at.nl_pid || bind(s->now, (struct sockaddr *)&at, sizeof at) == 0)
    return 0;
  if (errno != EADDRINUSE)
    return -errno;
  sockets_note(all, "the number %u of a netlink socket is taken, and it has got another one", at.nl_pid);
  at.nl_pid = 0;
  return bind(s->now, (struct sockaddr *)&at, sizeof at) < 0 ? -errno : 0;
}

static int netlink_bind(struct sockets *all, struct socket_state *s, struct error *e) {
  int r = s->is_kept ? 0 : give_number(all, s);
  if (r < 0)
    return error_set_errno(e, r, "cannot bind a netlink socket of process %d again", s->holder);
  if (join_and_leave(s) < 0)
    sockets_note(all, "a netlink socket is not in all groups that it was in");
  return 0;
}

static int netlink_connect(struct sockets *all, struct socket_state *s, struct error *e) {
  (void)all, (void)e;
  const struct sockaddr_nl *peer = address_of(&s->peer_name);
  if (s->peer_name.size && !s->is_kept && (peer->nl_pid || peer->nl_groups))
    (void)connect(s->now, (const struct sockaddr *)peer, s->peer_name.size);
  return 0;
}

static int netlink_fill(struct sockets *all, struct socket_state *s, struct error *e) {
  (void)e;
  if (s->is_kept && !own_of(s)->has_unread)
    (void)socket_queue_drain(s->now);
  if (!s->is_kept && own_of(s)->has_unread)
    sockets_note(all, "what waited in a netlink socket is lost");
  return 0;
}

static void netlink_done(struct socket_state *s) { free(s->own); }

static void netlink_describe(const struct socket_state *s, struct Snapback__Image__Socket *to) {
  const struct netlink_own *own = own_of(s);
  to->group = must_alloc(sizeof own->groups);
  memcpy(to->group, own->groups, sizeof own->groups);
  to->n_group = WORDS;
  to->unread = own->has_unread;
}

static void netlink_recreate(struct socket_state *s, const struct Snapback__Image__Socket *from) {
  struct netlink_own *own = s->own = must_alloc(sizeof *own);
  size_t count = from->n_group < WORDS ? from->n_group : WORDS;
  if (count)
    memcpy(own->groups, from->group, count * sizeof *own->groups);
  own->has_unread = from->unread;
  s->keeps_queue = true;
}

const struct socket_family socket_netlink = {
    .domain = AF_NETLINK,
    .capture = netlink_capture,
    .survey = netlink_survey,
    .is_kept = netlink_is_kept,
    .make = netlink_make,
    .bind = netlink_bind,
    .connect = netlink_connect,
    .fill = netlink_fill,
    .done = netlink_done,
    .describe = netlink_describe,
    .recreate = netlink_recreate,
};
