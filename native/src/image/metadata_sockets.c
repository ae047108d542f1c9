// SPDX-License-Identifier: EPL-2.0
// Whether the sockets of an image can be: each by itself, and whom it names.
#include <limits.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "image/metadata.h"

enum {
  NAME_MAX_BYTES = 126,
  OPTION_BYTES = 32,
  OPTIONS_MAX = 256,
  GROUPS_MAX = 32,
  FILES_MAX = 253,
  LAST_TYPE = SOCK_SEQPACKET
};

typedef Snapback__Image__Socket Socket;
#define PEER(name) SNAPBACK__IMAGE__SOCKET_PEER__SOCKET_PEER_##name

// By their ids, which go from 1 to their number, each once. NULL: they do not.
static const Socket **collect(const Snapback__Image__Image *m, size_t *ret_count) {
  *ret_count = 0;
  for (size_t i = 0; i < m->n_open_file; i++)
    *ret_count += m->open_file[i]->socket != NULL;
  const Socket **all = must_alloc((*ret_count + 1) * sizeof *all);
  for (size_t i = 0; i < m->n_open_file; i++) {
    const Socket *s = m->open_file[i]->socket;
    if (!s)
      continue;
    if (!s->id || s->id > *ret_count || all[s->id - 1]) {
      free(all);
      return NULL;
    }
    all[s->id - 1] = s;
  }
  return all;
}

static bool options_sound(const Socket *s) {
  for (size_t i = 0; i < s->n_option; i++)
    if (s->option[i]->value.len > OPTION_BYTES)
      return false;
  return s->n_option <= OPTIONS_MAX;
}

static bool name_sound(const ProtobufCBinaryData *name, int family) {
  sa_family_t is = AF_UNSPEC;
  if (name->len > NAME_MAX_BYTES)
    return false;
  if (!name->len)
    return true;
  if (family == AF_NETLINK)
    return name->len == sizeof(struct sockaddr_nl);
  memcpy(&is, name->data, name->len < sizeof is ? name->len : sizeof is);
  return family == AF_UNIX || (is == AF_INET && name->len == sizeof(struct sockaddr_in)) ||
         (is == AF_INET6 && name->len == sizeof(struct sockaddr_in6));
}

static bool queue_sound(const Socket *s, bool (*has_open_file)(const void *, uint32_t), const void *data) {
  for (size_t i = 0; i < s->n_queue; i++) {
    const Snapback__Image__SocketMessage *m = s->queue[i];
    if (!name_sound(&m->sender, s->family) || m->n_open_file > FILES_MAX)
      return false;
    for (size_t k = 0; k < m->n_open_file; k++)
      if (!has_open_file(data, m->open_file[k]))
        return false;
  }
  return true;
}

// An IPv6 socket can talk to one of IPv4.
static bool is_same_family(int a, int b) {
  return a == b || ((a == AF_INET || a == AF_INET6) && (b == AF_INET || b == AF_INET6));
}

// A connection joins two of a kind, each of which names the other.
static bool peer_sound(const Socket *const *all, size_t count, const Socket *s) {
  if (s->peer_kind > PEER(WAITING) || s->peer > count)
    return false;
  bool is_named = s->peer_kind == PEER(INSIDE) || s->peer_kind == PEER(WAITING);
  if (!is_named || !s->peer)
    return !is_named && !s->peer;
  const Socket *peer = all[s->peer - 1];
  if (!is_same_family(peer->family, s->family) || peer->type != s->type || peer == s)
    return s->type == SOCK_DGRAM && peer == s;
  if (s->peer_kind == PEER(WAITING))
    return peer->listens;
  return !peer->listens && (s->type == SOCK_DGRAM || (peer->peer == s->id && peer->peer_kind == PEER(INSIDE)));
}

static bool backlog_sound(const Socket *s) {
  for (size_t i = 0; i < s->n_in_backlog; i++)
    if (!name_sound(&s->in_backlog[i]->name, s->family) || !s->in_backlog[i]->name.len)
      return false;
  return !s->n_in_backlog || s->n_in_backlog == s->n_waiting;
}

static bool waiting_sound(const Socket *const *all, size_t count, const Socket *s) {
  for (size_t i = 0; i < s->n_waiting; i++) {
    uint32_t id = s->waiting[i];
    if (id > count || (id && (all[id - 1]->peer_kind != PEER(WAITING) || all[id - 1]->peer != s->id)))
      return false;
  }
  return s->listens || !s->n_waiting;
}

static bool socket_sound(const Socket *const *all, size_t count, const Socket *s) {
  return s->type >= SOCK_STREAM && s->type <= LAST_TYPE && name_sound(&s->name, s->family) &&
         name_sound(&s->peer_name, s->family) && backlog_sound(s) && s->backlog <= INT_MAX &&
         s->n_group <= GROUPS_MAX && s->shutdown <= 3 && options_sound(s) && peer_sound(all, count, s) &&
         waiting_sound(all, count, s);
}

bool metadata_sockets_sound(const Snapback__Image__Image *m, bool (*has_open_file)(const void *, uint32_t),
                            const void *data) {
  size_t count;
  _cleanup_free_ const Socket **all = collect(m, &count);
  if (!all)
    return false;
  for (size_t i = 0; i < count; i++)
    if (!socket_sound(all, count, all[i]) || !queue_sound(all[i], has_open_file, data))
      return false;
  return true;
}
