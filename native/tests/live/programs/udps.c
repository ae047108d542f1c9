// SPDX-License-Identifier: EPL-2.0
// UDP sockets made, bound, connected, sent to, read from and closed at random, IPv4 and IPv6. What waits in a queue is
// right to the byte, in order, and comes from the address of its sender.
#include "live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 6, QUEUE = 12, MOST = 2000 };

struct datagram {
  uint64_t seed;
  size_t size;
  struct sockaddr_storage sender;
};

static struct slot {
  int fd;
  bool used, is_wide;
  int family, priority;
  unsigned to;  // connected to that slot; SLOTS: to none
  struct sockaddr_storage name;
  socklen_t size;
  struct datagram queue[QUEUE];
  unsigned waiting;
} slots[SLOTS];

static unsigned char byte_of(uint64_t seed, size_t i) { return (unsigned char)live_stamp(seed, i); }

static void address(struct slot *s, bool any) {
  if (s->family == AF_INET) {
    struct sockaddr_in *four = (struct sockaddr_in *)&s->name;
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK)};
    s->size = sizeof *four;
  } else {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s->name;
    *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = any ? in6addr_any : in6addr_loopback};
    s->size = sizeof *six;
  }
}

// Where others send to, or say that they come from.
static struct sockaddr_storage reachable(const struct slot *s) {
  struct sockaddr_storage to = s->name;
  if (s->family == AF_INET)
    ((struct sockaddr_in *)&to)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else
    ((struct sockaddr_in6 *)&to)->sin6_addr = in6addr_loopback;
  return to;
}

static void make(struct slot *s) {
  if (s->used)
    return;
  *s = (struct slot){
      .used = true, .family = live_random(2) ? AF_INET : AF_INET6, .to = SLOTS, .is_wide = live_random(2)};
  address(s, s->is_wide);
  s->fd = socket(s->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  CHECK(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&s->name, s->size) == 0);
  CHECK(getsockname(s->fd, (struct sockaddr *)&s->name, &s->size) == 0);
  s->priority = (int)live_random(6);
  CHECK(setsockopt(s->fd, SOL_SOCKET, SO_PRIORITY, &s->priority, sizeof s->priority) == 0);
}

// A connected socket receives from its peer only, and its own address is narrowed.
static void connect_one(struct slot *s) {
  unsigned k = live_random(SLOTS);
  struct slot *to = &slots[k];
  if (!s->used || s->to != SLOTS || s->waiting || !to->used || to == s || to->family != s->family)
    return;
  struct sockaddr_storage peer = reachable(to);
  CHECK(connect(s->fd, (struct sockaddr *)&peer, s->size) == 0);
  CHECK(getsockname(s->fd, (struct sockaddr *)&s->name, &s->size) == 0);
  s->to = k;
}

static bool accepts(const struct slot *s, const struct slot *from) {
  if (s->to == SLOTS)
    return true;
  const struct sockaddr_storage peer = reachable(&slots[s->to]);
  const struct sockaddr_storage sender = reachable(from);
  return slots[s->to].used && memcmp(&peer, &sender, s->size) == 0;
}

static void send_one(struct slot *from) {
  static unsigned char bytes[MOST];
  struct slot *to = &slots[from->to < SLOTS ? from->to : live_random(SLOTS)];
  if (!from->used || !to->used || to->family != from->family || to->waiting == QUEUE || !accepts(to, from))
    return;
  struct datagram *d = &to->queue[to->waiting];
  *d = (struct datagram){.seed = live_stamp(live_random(1000), live_ticks()),
                         .size = 1 + live_random(MOST - 1),
                         .sender = reachable(from)};
  for (size_t i = 0; i < d->size; i++)
    bytes[i] = byte_of(d->seed, i);
  struct sockaddr_storage name = reachable(to);
  CHECK(sendto(from->fd, bytes, d->size, 0, (struct sockaddr *)&name, to->size) == (ssize_t)d->size);
  to->waiting++;
}

static void receive_one(struct slot *s) {
  static unsigned char bytes[MOST];
  struct sockaddr_storage sender = {0};
  socklen_t size = sizeof sender;
  if (!s->used)
    return;
  ssize_t n = recvfrom(s->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&sender, &size);
  if (!s->waiting) {
    CHECK(n == -1 && errno == EAGAIN);
    return;
  }
  const struct datagram *d = &s->queue[0];
  CHECK(n == (ssize_t)d->size && memcmp(&sender, &d->sender, size) == 0);
  for (size_t i = 0; i < d->size; i++)
    CHECK(bytes[i] == byte_of(d->seed, i));
  memmove(&s->queue[0], &s->queue[1], --s->waiting * sizeof *d);
}

// Nobody is left connected to an address that another socket may get.
static void close_one(struct slot *s) {
  for (unsigned i = 0; i < SLOTS; i++)
    if (!s->used || (slots[i].used && slots[i].to == (unsigned)(s - slots)))
      return;
  CHECK(close(s->fd) == 0);
  s->used = false;
}

static void check(const struct slot *s) {
  struct sockaddr_storage now = {0};
  socklen_t size = sizeof now;
  int priority = -1;
  socklen_t length = sizeof priority;
  if (!s->used)
    return;
  CHECK(getsockname(s->fd, (struct sockaddr *)&now, &size) == 0 && memcmp(&now, &s->name, size) == 0);
  CHECK(getsockopt(s->fd, SOL_SOCKET, SO_PRIORITY, &priority, &length) == 0 && priority == s->priority);
  size = sizeof now;
  int r = getpeername(s->fd, (struct sockaddr *)&now, &size);
  CHECK(s->to == SLOTS ? r == -1 && errno == ENOTCONN : r == 0);
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make,     make,        connect_one, send_one, send_one,
                                                   send_one, receive_one, receive_one, close_one};
  live_begin();
  do {
    for (unsigned k = 1 + live_random(6); k; k--)
      changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
    for (unsigned i = 0; i < SLOTS; i++)
      check(&slots[i]);
  } while (live_tick());
  live_pass();
}
