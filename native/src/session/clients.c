// SPDX-License-Identifier: EPL-2.0
// The connections of the control socket. Every client may be hostile: bytes are taken as they come, nothing is
// allocated for a length that was only announced, and nobody is waited for.
#include "session/clients.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/application.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/application.h"
#include "session/dispatch.h"
#include "session/supervisor.h"

struct buffer {
  uint8_t *data;
  size_t size, capacity;
};

struct client {
  struct client *next;
  struct session *session;
  int fd;
  pid_t inside;  // a process of the session; 0: from outside
  bool greeted, subscribed, finishing, is_half_over;
  struct buffer in, out;
  struct watch *watch;
  struct alarm *alarm;    // for its Hello, or for its end
  struct request *asked;  // to be done when the connection is closed
};

static void buffer_add(struct buffer *b, const void *data, size_t size) {
  if (b->size + size > b->capacity) {
    b->capacity = (b->size + size) * 2;
    b->data = must_realloc(b->data, b->capacity, 1);
  }
  memcpy(b->data + b->size, data, size);
  b->size += size;
}

static void buffer_drop(struct buffer *b, size_t size) {
  memmove(b->data, b->data + size, b->size - size);
  b->size -= size;
}

static void watch_listening(struct session *s, short events) {
  watch_events(s->clients.listening, events);
  if (s->clients.inside)
    watch_events(s->clients.inside, events);
}

static void begin_asked(struct session *s, struct request *asked) {
  struct error e = {0};
  if (!asked || requests_add(s, NULL, 0, asked))
    return;
  (void)error_set(&e, ERROR_BUSY, "too many requests wait already; try again when some are answered");
  engine_application_refuse(s->engine, asked->by_application, &e);
  request_free(asked);
}

static void client_free(struct client *c) {
  struct session *s = c->session;
  struct request *asked = c->asked;
  for (struct client **at = &s->clients.first; *at; at = &(*at)->next)
    if (*at == c) {
      *at = c->next;
      break;
    }
  s->clients.count--;
  watch_listening(s, POLLIN);
  requests_forget(s, c);
  savings_forget_client(s, c);
  watch_free(c->watch);
  alarm_free(c->alarm);
  (void)close(c->fd);
  free(c->in.data);
  free(c->out.data);
  free(c);
  begin_asked(s, asked);
}

static void overdue(void *data);

static void set_alarm(struct client *c, unsigned ms) {
  alarm_free(c->alarm);
  c->is_half_over = false;
  c->alarm = ms ? loop_alarm(c->session->loop, ms / 2, overdue, c) : NULL;
}

// Its time runs in two halves: one of them may have passed while the whole machine was suspended, or we were busy.
static void overdue(void *data) {
  struct client *c = data;
  bool is_first_half = !c->is_half_over;
  c->alarm = NULL;
  c->is_half_over = true;
  if (is_first_half)
    c->alarm = loop_alarm(c->session->loop, HELLO_MS / 2, overdue, c);
  else
    client_free(c);
}

// False: the client is gone (and freed).
static bool flush(struct client *c) {
  while (c->out.size) {
    ssize_t n = send(c->fd, c->out.data, c->out.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      break;
    if (n < 0) {
      client_free(c);
      return false;
    }
    buffer_drop(&c->out, (size_t)n);
  }
  if (c->finishing && !c->out.size) {
    client_free(c);
    return false;
  }
  watch_events(c->watch, (short)((c->finishing ? 0 : POLLIN) | (c->out.size ? POLLOUT : 0)));
  return true;
}

// The message is sent from the loop, so that no client goes away under the feet of whoever tells it something. One that
// does not read what it is sent is let go.
static void send_message(struct client *c, const Snapback__Control__ServerMessage *message) {
  size_t size = snapback__control__server_message__get_packed_size(message);
  if (c->out.size + size > CLIENT_BACKLOG_MAX) {
    c->out.size = 0;
    client_finish(c);
    return;
  }
  uint8_t head[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
  _cleanup_free_ uint8_t *packed = must_alloc(size);
  (void)snapback__control__server_message__pack(message, packed);
  buffer_add(&c->out, head, sizeof head);
  buffer_add(&c->out, packed, size);
  watch_events(c->watch, (short)((c->finishing ? 0 : POLLIN) | POLLOUT));
}

void client_reply(struct client *c, Snapback__Control__Reply *reply) {
  Snapback__Control__ServerMessage message = SNAPBACK__CONTROL__SERVER_MESSAGE__INIT;
  message.kind_case = SNAPBACK__CONTROL__SERVER_MESSAGE__KIND_REPLY;
  message.reply = reply;
  if (snapback__control__server_message__get_packed_size(&message) > FRAME_MAX)
    client_reply_error(c, reply->id, ERROR_FAILED, "the answer is longer than a message may be; delete some snapshots");
  else
    send_message(c, &message);
}

void client_reply_error(struct client *c, uint64_t id, int code, const char *text) {
  Snapback__Control__Error error = SNAPBACK__CONTROL__ERROR__INIT;
  error.code = (Snapback__Control__ErrorCode)code;
  error.text = (char *)text;
  Snapback__Control__Reply reply = SNAPBACK__CONTROL__REPLY__INIT;
  reply.id = id;
  reply.error = &error;
  client_reply(c, &reply);
}

void client_greet(struct client *c) {
  c->greeted = true;
  set_alarm(c, 0);
}

bool client_greeted(const struct client *c) { return c->greeted; }

void client_subscribe(struct client *c) { c->subscribed = true; }

pid_t client_inside(const struct client *c) { return c->inside; }

void client_ask_at_end(struct client *c, struct request *r) {
  if (c->asked)
    request_free(c->asked);
  c->asked = r;
}

void client_finish(struct client *c) {
  c->finishing = true;
  c->subscribed = false;
  set_alarm(c, HELLO_MS);
  watch_events(c->watch, POLLOUT);
}

void clients_tell(struct session *s, Snapback__Control__Event *event) {
  Snapback__Control__ServerMessage message = SNAPBACK__CONTROL__SERVER_MESSAGE__INIT;
  message.kind_case = SNAPBACK__CONTROL__SERVER_MESSAGE__KIND_EVENT;
  message.event = event;
  for (struct client *c = s->clients.first; c; c = c->next)
    if (c->subscribed)
      send_message(c, &message);
}

bool clients_listen(const struct session *s) {
  for (const struct client *c = s->clients.first; c; c = c->next)
    if (c->subscribed)
      return true;
  return false;
}

bool clients_flushed(const struct session *s) {
  for (const struct client *c = s->clients.first; c; c = c->next)
    if (c->out.size)
      return false;
  return true;
}

// The whole messages among what has been received.
static void take_messages(struct client *c) {
  size_t at = 0;
  while (!c->finishing && c->in.size - at >= 4) {
    const uint8_t *p = c->in.data + at;
    size_t size = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (size > FRAME_MAX) {
      client_reply_error(c, 0, ERROR_BAD_REQUEST,
                         "a message longer than 1 MiB was announced; the connection is closed");
      client_finish(c);
      break;
    }
    if (c->in.size - at - 4 < size)
      break;
    dispatch(c->session, c, p + 4, size);
    at += 4 + size;
  }
  buffer_drop(&c->in, at);
}

static void ready(void *data, short revents) {
  struct client *c = data;
  if (!flush(c))
    return;
  if (!(revents & (POLLIN | POLLHUP | POLLERR)))
    return;
  uint8_t chunk[64 * 1024];
  ssize_t n = recv(c->fd, chunk, sizeof chunk, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0) {
    client_free(c);
    return;
  }
  if (c->finishing)
    return;
  buffer_add(&c->in, chunk, (size_t)n);
  take_messages(c);
  (void)flush(c);
}

static struct ucred peer_of(int fd) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer : (struct ucred){.uid = (uid_t)-1};
}

static void add_client(struct session *s, int fd, bool inside) {
  struct client *c = must_alloc(sizeof *c);
  struct ucred peer = peer_of(fd);
  *c = (struct client){.next = s->clients.first, .session = s, .fd = fd, .inside = inside ? peer.pid : 0};
  s->clients.first = c;
  s->clients.count++;
  c->watch = loop_watch(s->loop, fd, POLLIN, ready, c);
  set_alarm(c, HELLO_MS);
  if (peer.uid != geteuid()) {
    client_reply_error(c, 0, ERROR_REFUSED, "this session belongs to another user");
    client_finish(c);
  }
}

// Whoever has been silent longest makes room.
static void drop_silent(struct session *s) {
  struct client *silent = NULL;
  for (struct client *c = s->clients.first; c; c = c->next)  // the newest first
    if (!c->greeted)
      silent = c;
  if (silent)
    client_free(silent);
}

static void accept_client(struct session *s, int fd, bool inside) {
  add_client(s, fd, inside);
  if (s->clients.count >= CLIENTS_MAX)
    drop_silent(s);
  if (s->clients.count >= CLIENTS_MAX)
    watch_listening(s, 0);
}

static int accept_from(int listening) { return accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

static void incoming(void *data, short revents) {
  struct session *s = data;
  (void)revents;
  int fd = accept_from(s->address->fd);
  if (fd >= 0)
    accept_client(s, fd, false);
}

// An abstract address is open to all: who is not a process of the session has no number here.
static void incoming_inside(void *data, short revents) {
  struct session *s = data;
  (void)revents;
  int fd = accept_from(s->clients.inside_fd);
  if (fd >= 0 && peer_of(fd).pid > 0)
    accept_client(s, fd, true);
  else if (fd >= 0)
    (void)close(fd);
}

// Without it the session is as good, but for programs that ask for their own snapshots.
static int listen_inside(void) {
  struct sockaddr_un at;
  socklen_t size;
  _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || application_address(&at, &size) < 0 || bind(fd, (struct sockaddr *)&at, size) ||
      listen(fd, CLIENTS_MAX))
    return -1;
  return fd_take(&fd);
}

// The host's namespace is everybody's.
void clients_prepare(struct session *s) { s->clients.inside_fd = s->options->on_host ? -1 : listen_inside(); }

void clients_open(struct session *s) {
  s->clients.listening = loop_watch(s->loop, s->address->fd, POLLIN, incoming, s);
  if (s->clients.inside_fd >= 0)
    s->clients.inside = loop_watch(s->loop, s->clients.inside_fd, POLLIN, incoming_inside, s);
}
