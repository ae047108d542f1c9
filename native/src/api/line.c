// SPDX-License-Identifier: EPL-2.0
// A connection to the supervisor.
#include "api/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/application.h"

// Fields of proto/control.proto.
enum { REQUEST_ID = 1, VERB_HELLO = 2 };
enum { HELLO_PROTOCOL = 1, HELLO_CLIENT = 2, HELLO_APPLICATION = 3 };
enum { MESSAGE_REPLY = 1, REPLY_ID = 1, REPLY_ERROR = 2, ERROR_CODE = 1, ERROR_TEXT = 2 };

enum { PROTOCOL = 1, FRAME_MAX = 1024 * 1024, PATIENCE_SECONDS = 10, SUPERVISOR = 1 };

static int broken(struct error *e, int r) {
  if (r == -EAGAIN)
    return error_set(e, ERROR_BUSY, "the session does not answer within %d s; try again", PATIENCE_SECONDS);
  return error_set_errno(e, r, "cannot talk to the session");
}

static int send_all(int fd, const uint8_t *bytes, size_t size) {
  while (size) {
    ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR)
      return -errno;
    bytes += n > 0 ? n : 0;
    size -= n > 0 ? (size_t)n : 0;
  }
  return 0;
}

static int receive_all(int fd, uint8_t *bytes, size_t size) {
  while (size) {
    ssize_t n = recv(fd, bytes, size, 0);
    if (n == 0)
      return -ECONNRESET;
    if (n < 0 && errno != EINTR)
      return -errno;
    bytes += n > 0 ? n : 0;
    size -= n > 0 ? (size_t)n : 0;
  }
  return 0;
}

static int send_message(struct line *l, const struct message *m) {
  uint8_t head[4] = {(uint8_t)(m->size >> 24), (uint8_t)(m->size >> 16), (uint8_t)(m->size >> 8), (uint8_t)m->size};
  int r = m->too_long ? -EMSGSIZE : send_all(l->fd, head, sizeof head);
  return r < 0 ? r : send_all(l->fd, m->bytes, m->size);
}

static int receive_message(struct line *l, struct view *ret) {
  uint8_t head[4];
  int r = receive_all(l->fd, head, sizeof head);
  if (r < 0)
    return r;
  size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
  if (size > FRAME_MAX)
    return -EPROTO;
  free(l->received);
  l->received = malloc(size + 1);
  if (!l->received)
    return -ENOMEM;
  *ret = (struct view){l->received, size};
  return receive_all(l->fd, l->received, size);
}

// A reply to us, or to nobody in particular: then the supervisor hangs up, and says why.
static int receive_reply(struct line *l, struct view *ret) {
  for (;;) {
    struct view message;
    uint64_t id = 0;
    int r = receive_message(l, &message);
    if (r < 0)
      return r;
    if (!view_inner(message, MESSAGE_REPLY, ret))
      continue;
    (void)view_number(*ret, REPLY_ID, &id);
    if (id == l->last_id || id == 0)
      return 0;
  }
}

int line_ask(struct line *l, unsigned verb, const struct message *m, struct view *ret_reply, struct error *e) {
  struct message request = {0};
  struct view refusal;
  message_number(&request, REQUEST_ID, ++l->last_id);
  message_inner(&request, verb, m);
  int r = send_message(l, &request);
  if (r == 0)
    r = receive_reply(l, ret_reply);
  if (r < 0)
    return broken(e, r);
  if (!view_inner(*ret_reply, REPLY_ERROR, &refusal))
    return 0;
  uint64_t code = ERROR_FAILED;
  char text[sizeof e->text];
  (void)view_number(refusal, ERROR_CODE, &code);
  view_text(refusal, ERROR_TEXT, text, sizeof text);
  return error_set(e, (enum error_code)code, "%s", text);
}

static int say_hello(struct line *l, const void *words, struct error *e) {
  struct message hello = {0};
  struct view reply;
  message_number(&hello, HELLO_PROTOCOL, PROTOCOL);
  message_text(&hello, HELLO_CLIENT, "libsnapback " SNAPBACK_VERSION);
  message_number(&hello, HELLO_APPLICATION, (uint64_t)(uintptr_t)words);
  return line_ask(l, VERB_HELLO, &hello, &reply, e);
}

// Anybody may listen at an abstract address, but only a supervisor is the first process of our namespace.
static bool is_supervisor(int fd) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == SUPERVISOR;
}

static int connect_to_supervisor(int fd) {
  struct sockaddr_un at;
  socklen_t size;
  struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  int r = application_address(&at, &size);
  if (r < 0)
    return r;
  while (connect(fd, (struct sockaddr *)&at, size) < 0)
    if (errno != EINTR)
      return -errno;
  return is_supervisor(fd) ? 0 : -ECONNREFUSED;
}

int line_open(struct line *l, const void *words, struct error *e) {
  *l = (struct line){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (l->fd < 0)
    return broken(e, -errno);
  int r = connect_to_supervisor(l->fd);
  if (r == 0)
    r = say_hello(l, words, e) < 0 ? -1 : 1;
  else
    r = r == -ECONNREFUSED || r == -ENOENT ? 0 : broken(e, r);
  if (r <= 0)
    line_close(l);
  return r;
}

// The shutdown is for a child that was started meanwhile and has the socket too.
void line_close(struct line *l) {
  (void)shutdown(l->fd, SHUT_RDWR);
  (void)close(l->fd);
  free(l->received);
}
