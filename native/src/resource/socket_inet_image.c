// SPDX-License-Identifier: EPL-2.0
// What an image tells of TCP and UDP sockets beyond what it tells of all sockets.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "resource/describe.h"
#include "resource/socket_inet.h"

typedef Snapback__Image__Socket Socket;
typedef Snapback__Image__SocketWaiting Waiting;

static Waiting *describe_waiting(const struct inet_waiting *from) {
  Waiting *w = NEW(SocketWaiting, SOCKET_WAITING);
  set_bytes(&w->name, &from->name.address, from->name.size);
  if (from->sent.count)
    set_bytes(&w->content, from->sent.message->bytes, from->sent.message->size);
  w->ended = from->has_ended;
  w->reset = from->is_reset;
  return w;
}

void inet_describe(const struct socket_state *s, Socket *to) {
  const struct inet_own *own = inet_own(s);
  to->connecting = own->connects;
  to->ended = own->has_ended;
  for (size_t i = 0; i < own->waiting_count; i++)
    APPEND(to->in_backlog, to->n_in_backlog, describe_waiting(&own->waiting[i]));
}

static void recreate_waiting(const Waiting *from, uint32_t client, struct inet_waiting *w) {
  w->client = client;
  w->name.size = (socklen_t)from->name.len;
  memcpy(&w->name.address, from->name.data, from->name.len);
  w->has_ended = from->ended;
  w->is_reset = from->reset;
  if (!from->content.len)
    return;
  w->sent.message = must_alloc(sizeof *w->sent.message);
  w->sent.count = w->sent.capacity = 1;
  w->sent.message->size = from->content.len;
  w->sent.message->bytes = must_alloc(from->content.len);
  memcpy(w->sent.message->bytes, from->content.data, from->content.len);
}

void inet_recreate(struct socket_state *s, const Socket *from) {
  struct inet_own *own = s->own = must_alloc(sizeof *own);
  own->held = -1;
  own->connects = from->connecting;
  own->has_ended = from->ended;
  own->point = inet_point_of(&s->name.address);
  own->peer_point = inet_point_of(&s->peer_name.address);
  own->waiting = must_alloc((from->n_in_backlog + 1) * sizeof *own->waiting);
  for (; own->waiting_count < from->n_in_backlog; own->waiting_count++)
    recreate_waiting(from->in_backlog[own->waiting_count], from->waiting[own->waiting_count],
                     &own->waiting[own->waiting_count]);
}

// ---- is its port free? ----

static int try_port(const Socket *from) {
  struct socket_name name = {.size = (socklen_t)from->name.len};
  memcpy(&name.address, from->name.data, from->name.len);
  _cleanup_fd_ int fd = socket(from->family, from->type | SOCK_CLOEXEC, from->protocol);
  if (fd < 0)
    return -errno;
  inet_share_port(fd);
  int only_six = 0;
  for (size_t i = 0; i < from->n_option; i++)
    if (from->option[i]->level == IPPROTO_IPV6 && from->option[i]->name == IPV6_V6ONLY &&
        from->option[i]->value.len == 4)
      memcpy(&only_six, from->option[i]->value.data, sizeof only_six);
  if (from->family == AF_INET6)
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_six, sizeof only_six);
  return inet_bind(fd, &name);
}

static bool needs_its_port(const Socket *from) {
  struct sockaddr_storage name = {0};
  memcpy(&name, from->name.data, from->name.len);
  return inet_point_of(&name).port && (from->type == SOCK_STREAM ? from->listens : !from->peer_name.len);
}

// A client can have another port; those whom others look for cannot.
int inet_check(const Socket *from, struct error *e) {
  int r = needs_its_port(from) ? try_port(from) : 0;
  if (r == 0)
    return 0;
  struct socket_name name = {.size = (socklen_t)from->name.len};
  memcpy(&name.address, from->name.data, from->name.len);
  if (r == -EADDRINUSE)
    return error_set(e, ERROR_REFUSED,
                     "the port %u, on which the program %s, is in use by another program: end that one first",
                     inet_point_of(&name.address).port, from->listens ? "listened" : "received");
  return error_set_errno(e, r, "the address %s, on which the program %s, cannot be had here", inet_text_of(&name).text,
                         from->listens ? "listened" : "received");
}
