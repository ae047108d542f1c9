// SPDX-License-Identifier: EPL-2.0
// What the commands that read images say of a socket.
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/image_words.h"

typedef Snapback__Image__Socket Socket;
#define PEER(name) SNAPBACK__IMAGE__SOCKET_PEER__SOCKET_PEER_##name

static const char *word_of_family(int family) {
  return family == AF_UNIX      ? "unix"
         : family == AF_INET    ? "IPv4"
         : family == AF_INET6   ? "IPv6"
         : family == AF_NETLINK ? "netlink"
                                : "other";
}

static const char *word_of_type(int type) {
  static const char *const words[] = {
      [SOCK_STREAM] = "stream", [SOCK_DGRAM] = "datagrams", [SOCK_RAW] = "raw", [SOCK_SEQPACKET] = "packets"};
  return type > 0 && (size_t)type < sizeof words / sizeof *words && words[type] ? words[type] : "?";
}

// An abstract name begins with @, as everywhere.
static char *text_of_unix_name(const ProtobufCBinaryData *name) {
  const size_t before = offsetof(struct sockaddr_un, sun_path);
  if (name->len <= before)
    return must_strdup("without a name");
  const char *path = (const char *)name->data + before;
  size_t size = name->len - before;
  _cleanup_free_ char *text =
      *path ? must_format("%.*s", (int)size, path) : must_format("@%.*s", (int)size - 1, path + 1);
  return text_shown(text);
}

static char *text_of_inet_name(const ProtobufCBinaryData *name) {
  struct sockaddr_storage address = {0};
  char text[INET6_ADDRSTRLEN] = "?";
  const struct sockaddr_in *four = (const struct sockaddr_in *)&address;
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address;
  if (!name->len || name->len > sizeof address)
    return must_strdup("");
  memcpy(&address, name->data, name->len);
  bool is_six = address.ss_family == AF_INET6;
  (void)inet_ntop(address.ss_family, is_six ? (const void *)&six->sin6_addr : &four->sin_addr, text, sizeof text);
  return must_format(is_six ? "[%s]:%u" : "%s:%u", text, ntohs(is_six ? six->sin6_port : four->sin_port));
}

static char *text_of_name(const Socket *s) {
  if (s->family == AF_UNIX)
    return text_of_unix_name(&s->name);
  if (s->family != AF_INET && s->family != AF_INET6)
    return must_strdup("");
  _cleanup_free_ char *own = text_of_inet_name(&s->name);
  _cleanup_free_ char *peer = text_of_inet_name(&s->peer_name);
  return must_format("%s%s%s", own, *peer ? " to " : "", peer);
}

static char *text_of_peer(const Socket *s) {
  switch (s->peer_kind) {
  case PEER(INSIDE):
    return must_format(", connected with socket %" PRIu32, s->peer);
  case PEER(OUTSIDE):
    return must_strdup(", connected with a program outside");
  case PEER(GONE):
    return must_strdup(", its other end closed");
  case PEER(WAITING):
    return must_format(", not accepted yet by socket %" PRIu32, s->peer);
  default:
    return s->listens ? must_format(", listens, %zu wait", s->n_waiting) : must_strdup("");
  }
}

char *text_of_socket(const Socket *s) {
  size_t unread = 0;
  for (size_t i = 0; i < s->n_queue; i++)
    unread += s->queue[i]->content.len;
  _cleanup_free_ char *name = text_of_name(s);
  _cleanup_free_ char *peer = text_of_peer(s);
  _cleanup_free_ char *bytes = unread ? must_format(", %zu bytes unread", unread) : must_strdup("");
  return must_format("socket %" PRIu32 ": %s %s%s%s%s%s", s->id, word_of_family(s->family), word_of_type(s->type),
                     *name ? ", " : "", name, peer, bytes);
}
