// SPDX-License-Identifier: EPL-2.0
// What an image tells of sockets: each is one open file, whoever has it.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "resource/describe_open_file.h"

typedef Snapback__Image__Socket Socket;
typedef Snapback__Image__OpenFile OpenFile;

static Snapback__Image__SocketCredentials *describe_credentials(const struct ucred *from) {
  Snapback__Image__SocketCredentials *c = NEW(SocketCredentials, SOCKET_CREDENTIALS);
  c->pid = from->pid;
  c->uid = from->uid;
  c->gid = from->gid;
  return c;
}

static void describe_options(const struct socket_state *s, Socket *socket) {
  for (size_t i = 0; i < s->options; i++) {
    Snapback__Image__SocketOption *o = NEW(SocketOption, SOCKET_OPTION);
    o->level = s->option[i].level;
    o->name = s->option[i].name;
    set_bytes(&o->value, s->option[i].value, s->option[i].size);
    APPEND(socket->option, socket->n_option, o);
  }
}

static void describe_queue(struct file_context *c, const struct socket_state *s, Socket *socket) {
  for (size_t i = 0; !s->keeps_queue && i < s->queue.count; i++) {
    const struct socket_message *from = &s->queue.message[i];
    Snapback__Image__SocketMessage *m = NEW(SocketMessage, SOCKET_MESSAGE);
    set_bytes(&m->content, from->bytes, from->size);
    set_bytes(&m->sender, &from->sender.address, from->sender.size);
    if (from->has_credentials)
      m->credentials = describe_credentials(&from->credentials);
    for (size_t k = 0; k < from->files; k++)
      APPEND(m->open_file, m->n_open_file, describe_open_file(c, &from->file[k]));
    APPEND(socket->queue, socket->n_queue, m);
  }
}

static uint32_t number_of(const struct describing *d, uint32_t id) { return id ? d->socket_number[id - 1] : 0; }

static Socket *describe_state(const struct describing *d, const struct socket_state *s) {
  Socket *socket = NEW(Socket, SOCKET);
  socket->id = number_of(d, s->id);
  socket->family = s->domain;
  socket->type = s->type;
  socket->protocol = s->protocol;
  set_bytes(&socket->name, &s->name.address, s->name.size);
  set_bytes(&socket->peer_name, &s->peer_name.address, s->peer_name.size);
  socket->peer_kind = (Snapback__Image__SocketPeer)s->peer_kind;
  socket->peer = number_of(d, s->peer);
  socket->listens = s->listens;
  socket->backlog = (uint32_t)s->backlog;
  socket->shutdown = s->shutdown;
  socket->has_error = s->has_error;
  socket->peer_credentials = describe_credentials(&s->peer_credentials);
  describe_options(s, socket);
  for (size_t i = 0; i < s->waiting_count; i++)
    APPEND(socket->waiting, socket->n_waiting, number_of(d, s->waiting[i]));
  if (s->family->describe)
    s->family->describe(s, socket);
  return socket;
}

// All have their numbers before the first is described: they name each other.
static void number_all(struct describing *d, const struct sockets *all) {
  free(d->socket_file);
  free(d->socket_number);
  d->socket_table = all;
  d->socket_file = must_alloc((all->count + 1) * sizeof *d->socket_file);
  d->socket_number = must_alloc((all->count + 1) * sizeof *d->socket_number);
  for (size_t i = 0; i < all->count; i++) {
    if (all->item[i]->of_caller)
      continue;
    OpenFile *file = NEW(OpenFile, OPEN_FILE);
    APPEND(d->image->open_file, d->image->n_open_file, file);
    d->socket_file[i] = file->id = (uint32_t)d->image->n_open_file;
    d->socket_number[i] = ++d->sockets;
  }
}

static void describe_all(struct file_context *c, const struct sockets *all) {
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *s = all->item[i];
    if (s->of_caller)
      continue;
    OpenFile *file = c->d->image->open_file[c->d->socket_file[i] - 1];
    file->kind = SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_SOCKET;
    file->flags = (uint32_t)s->flags;
    file->outside_number = -1;
    file->socket = describe_state(c->d, s);
    describe_queue(c, s, file->socket);
  }
}

uint32_t describe_socket(struct file_context *c, const struct sockets *all, const struct socket_state *s) {
  if (c->d->socket_table != all) {
    number_all(c->d, all);
    describe_all(c, all);
  }
  return c->d->socket_file[s->id - 1];
}
