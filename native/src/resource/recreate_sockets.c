// SPDX-License-Identifier: EPL-2.0
// Sockets of an image, as a snapshot has them: none of them lives, so that a rewind makes them all anew.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/memory.h"
#include "resource/recreate.h"

typedef Snapback__Image__Socket image_socket;

static void copy(void *to, const ProtobufCBinaryData *from) {
  if (from->len)
    memcpy(to, from->data, from->len);
}

static void describe_name(const ProtobufCBinaryData *from, struct socket_name *ret) {
  ret->size = (socklen_t)from->len;
  copy(&ret->address, from);
}

static struct ucred peer_credentials_of(const Snapback__Image__SocketCredentials *from) {
  return from ? (struct ucred){from->pid, from->uid, from->gid} : (struct ucred){0};
}

static void describe_options(const image_socket *from, struct socket_state *s) {
  s->option = must_alloc((from->n_option + 1) * sizeof *s->option);
  for (; s->options < from->n_option; s->options++) {
    const Snapback__Image__SocketOption *o = from->option[s->options];
    s->option[s->options] = (struct socket_option){o->level, o->name, (socklen_t)o->value.len, {0}};
    copy(s->option[s->options].value, &o->value);
  }
}

static void describe_state(const image_socket *from, uint32_t flags, struct socket_state *s) {
  s->domain = from->family;
  s->type = from->type;
  s->protocol = from->protocol;
  s->flags = (int)flags;
  describe_name(&from->name, &s->name);
  describe_name(&from->peer_name, &s->peer_name);
  s->peer_kind = (enum socket_peer)from->peer_kind;
  s->peer = from->peer;
  s->keeps_queue = s->peer_kind == SOCKET_PEER_OUTSIDE;
  s->listens = from->listens;
  s->backlog = (int)from->backlog;
  s->shutdown = from->shutdown;
  s->has_error = from->has_error;
  s->peer_credentials = peer_credentials_of(from->peer_credentials);
  describe_options(from, s);
  s->waiting = must_alloc((from->n_waiting + 1) * sizeof *s->waiting);
  for (; s->waiting_count < from->n_waiting; s->waiting_count++)
    s->waiting[s->waiting_count] = from->waiting[s->waiting_count];
  if (s->family->recreate)
    s->family->recreate(s, from);
}

static int describe_message(const struct recreation *c, const Snapback__Image__SocketMessage *from,
                            struct socket_message *m, struct error *e) {
  m->size = from->content.len;
  m->bytes = must_alloc(m->size + 1);
  copy(m->bytes, &from->content);
  describe_name(&from->sender, &m->sender);
  m->has_credentials = from->credentials != NULL;
  m->credentials = peer_credentials_of(from->credentials);
  m->file = must_alloc((from->n_open_file + 1) * sizeof *m->file);
  for (; m->files < from->n_open_file; m->files++)
    if (recreation_open_file(c, from->open_file[m->files], &m->file[m->files], e) < 0)
      return -1;
  return 0;
}

static int describe_queue(const struct recreation *c, const image_socket *from, struct socket_state *s,
                          struct error *e) {
  s->queue.message = must_alloc((from->n_queue + 1) * sizeof *s->queue.message);
  s->queue.capacity = from->n_queue + 1;
  for (; s->queue.count < from->n_queue; s->queue.count++)
    if (describe_message(c, from->queue[s->queue.count], &s->queue.message[s->queue.count], e) < 0)
      return -1;
  return 0;
}

static int describe_all(struct recreation *c, size_t count, struct error *e) {
  c->sockets = sockets_new();
  for (size_t i = 0; i < count; i++)
    (void)sockets_add(c->sockets);
  for (size_t i = 0; i < c->metadata->n_open_file; i++) {
    const image_socket *from = c->metadata->open_file[i]->socket;
    if (!from)
      continue;
    struct socket_state *s = sockets_find(c->sockets, from->id);
    s->family = sockets_family(from->family);
    if (!s->family)
      return error_set(e, ERROR_REFUSED,
                       "the image has a socket of the address family %d, which this version does not know",
                       from->family);
    describe_state(from, c->metadata->open_file[i]->flags, s);
  }
  return 0;
}

int recreation_check_sockets(const Snapback__Image__Image *metadata, struct error *e) {
  for (size_t i = 0; i < metadata->n_open_file; i++) {
    const image_socket *from = metadata->open_file[i]->socket;
    const struct socket_family *family = from ? sockets_family(from->family) : NULL;
    if (family && family->check && family->check(from, e) < 0)
      return -1;
  }
  return 0;
}

int recreation_describe_sockets(struct recreation *c, bool of_debugger, struct error *e) {
  size_t count = 0;
  for (size_t i = 0; i < c->metadata->n_open_file; i++)
    count += c->metadata->open_file[i]->socket != NULL;
  if (!count || of_debugger)
    return 0;
  int r = fault(FAULT_restart_sockets);
  if (r < 0)
    return error_set_errno(e, r, "cannot make the sockets of the restarted program");
  r = describe_all(c, count, e);
  for (size_t i = 0; r == 0 && i < c->metadata->n_open_file; i++) {
    const image_socket *from = c->metadata->open_file[i]->socket;
    r = from ? describe_queue(c, from, sockets_find(c->sockets, from->id), e) : 0;
  }
  return r;
}
