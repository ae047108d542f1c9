// SPDX-License-Identifier: EPL-2.0
// Socket pairs of all types against a model: what is in flight, half-closes, closed ends, resets, files on their way.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS = 6, DEEP = 8, MOST = 40000 };

// What one end has sent and the other has not read.
struct way {
  uint64_t sent, taken;  // bytes of a stream, or messages
  uint64_t seed;
  size_t size[DEEP];  // of messages
  bool shut;          // no more is sent, by whichever end's wish
};
struct end {
  int fd;  // -1: closed
  bool error;
};
static struct pair {
  int type;  // 0: not in use
  struct end end[2];
  struct way way[2];  // of what that end has sent
} pairs[PAIRS];
static unsigned char bytes[MOST];

static bool is_stream(const struct pair *p) { return p->type == SOCK_STREAM; }

static bool is_connection(const struct pair *p) { return p->type != SOCK_DGRAM; }

static uint64_t waiting(const struct pair *p, unsigned side) { return p->way[!side].sent - p->way[!side].taken; }

static void fill(const struct way *w, uint64_t from, size_t size) {
  for (size_t i = 0; i < size; i++)
    bytes[i] = (unsigned char)live_stamp(w->seed, from + i);
}

static void check_bytes(const struct way *w, uint64_t from, size_t size) {
  for (size_t i = 0; i < size; i++)
    CHECK(bytes[i] == (unsigned char)live_stamp(w->seed, from + i));
}

static void check_end(const struct pair *p, unsigned side) {
  const struct end *e = &p->end[side];
  bool has_gone = p->end[!side].fd < 0 && is_connection(p), no_more = p->way[!side].shut && is_connection(p);
  struct pollfd f = {.fd = e->fd, .events = POLLIN | POLLRDHUP};
  if (e->fd < 0)
    return;
  CHECK(poll(&f, 1, 0) >= 0);
  CHECK(!!(f.revents & POLLERR) == e->error);
  CHECK(!!(f.revents & POLLIN) == (waiting(p, side) > 0 || has_gone || no_more));
  CHECK(!!(f.revents & POLLHUP) == (has_gone || (no_more && p->way[side].shut)));
  int count = 0;
  if (is_stream(p))
    CHECK(ioctl(e->fd, FIONREAD, &count) == 0 && (uint64_t)count == waiting(p, side));
}

static void make(struct pair *p) {
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  int ends[2];
  if (p->type)
    return;
  *p = (struct pair){.type = types[live_random(3)]};
  CHECK(socketpair(AF_UNIX, p->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  for (unsigned i = 0; i < 2; i++) {
    p->end[i].fd = ends[i];
    p->way[i].seed = live_stamp(live_random(1000), live_ticks());
  }
}

static bool can_send(const struct pair *p, unsigned side) {
  return p->end[side].fd >= 0 && p->end[!side].fd >= 0 && !p->way[side].shut;
}

static void send_some(struct pair *p, unsigned side) {
  struct way *w = &p->way[side];
  if (!p->type || p->end[side].fd < 0)
    return;
  size_t size = is_stream(p) ? 1 + live_random(live_random(3) ? 300 : MOST) : live_random(live_random(3) ? 60 : 9000);
  if (!can_send(p, side)) {
    if (is_connection(p) && !p->end[side].error)
      CHECK(send(p->end[side].fd, bytes, 1, 0) == -1 && errno == EPIPE);
    return;
  }
  if (!is_stream(p) && w->sent - w->taken == DEEP)
    return;
  if (!is_stream(p) && !size)
    size = 1;
  fill(w, is_stream(p) ? w->sent : 1000 * w->sent, size);
  ssize_t n = send(p->end[side].fd, bytes, size, 0);
  CHECK(n > 0 || (n == -1 && errno == EAGAIN));
  if (n <= 0)
    return;
  if (!is_stream(p))
    w->size[w->sent % DEEP] = (size_t)n;
  w->sent += is_stream(p) ? (uint64_t)n : 1;
}

static void receive_nothing(struct pair *p, unsigned side) {
  struct end *e = &p->end[side];
  bool is_end = is_connection(p) && (p->way[!side].shut || p->end[!side].fd < 0);
  ssize_t n = recv(e->fd, bytes, 10, 0);
  CHECK(is_end ? n == 0 : n == -1 && errno == EAGAIN);
}

static void receive(struct pair *p, unsigned side) {
  struct end *e = &p->end[side];
  struct way *w = &p->way[!side];
  if (!p->type || e->fd < 0)
    return;
  if (e->error && (!is_stream(p) || !waiting(p, side))) {
    CHECK(recv(e->fd, bytes, 1, 0) == -1 && errno == ECONNRESET);
    e->error = false;
    return;
  }
  if (!waiting(p, side)) {
    receive_nothing(p, side);
    return;
  }
  size_t most = is_stream(p) ? 1 + live_random(MOST) : sizeof bytes;
  ssize_t n = recv(e->fd, bytes, most, 0);
  CHECK(n > 0);
  if (is_stream(p))
    CHECK((uint64_t)n == (most < waiting(p, side) ? most : waiting(p, side)));
  else
    CHECK((size_t)n == w->size[w->taken % DEEP]);
  check_bytes(w, is_stream(p) ? w->taken : 1000 * w->taken, (size_t)n);
  w->taken += is_stream(p) ? (uint64_t)n : 1;
}

static void shut(struct pair *p, unsigned side) {
  if (!p->type || live_random(4) || p->end[side].fd < 0 || p->end[!side].fd < 0)
    return;
  bool receives = is_connection(p) && live_random(2);
  CHECK(shutdown(p->end[side].fd, receives ? SHUT_RD : SHUT_WR) == 0);
  p->way[receives ? !side : side].shut = true;
}

static void drop(struct pair *p, unsigned side) {
  struct end *e = &p->end[side], *other = &p->end[!side];
  if (!p->type || e->fd < 0)
    return;
  // What stands behind a reset in a socket of packets nobody can look at: such a snapshot is refused (refused.c).
  if (p->type == SOCK_SEQPACKET && waiting(p, side) && waiting(p, !side))
    return;
  CHECK(close(e->fd) == 0);
  e->fd = -1;
  if (other->fd >= 0 && is_connection(p) && waiting(p, side))
    other->error = true;
  if (other->fd < 0)
    *p = (struct pair){0};
}

// ---- files on their way ----

static struct parcel {
  int road[2];  // what it is sent on; 0: not in use
  int partner;  // of the socket in flight; -1: it is a file
  bool sent;
  uint64_t number;
} parcels[2];

static void send_file(int road, int fd) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct iovec v = {.iov_base = "parcel", .iov_len = 6};
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  CHECK(sendmsg(road, &m, 0) == 6);
}

static int receive_file(int road) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  char text[16];
  struct iovec v = {text, sizeof text};
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  // What stands before it comes alone or with it: the kernel joins what it can.
  ssize_t n = recv(road, text, 3, 0);
  CHECK(n == 3 && memcmp(text, "abc", 3) == 0);
  CHECK(recvmsg(road, &m, MSG_CMSG_CLOEXEC) == 6 && memcmp(text, "parcel", 6) == 0);
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  int fd;
  CHECK(c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)));
  memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return fd;
}

static void post(struct parcel *p) {
  int ends[2];
  p->number = live_random(1000);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p->road) == 0);
  CHECK(send(p->road[0], "abc", 3, 0) == 3);
  p->partner = -1;
  if (live_random(2)) {
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    p->partner = ends[0];
    CHECK(send(ends[0], &p->number, sizeof p->number, 0) == sizeof p->number);
  } else {
    ends[1] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK(ends[1] >= 0 && lseek(ends[1], (off_t)p->number, SEEK_SET) == (off_t)p->number);
  }
  send_file(p->road[0], ends[1]);
  CHECK(close(ends[1]) == 0);
  p->sent = true;
}

static void collect(struct parcel *p) {
  uint64_t number = 0;
  int fd = receive_file(p->road[1]);
  if (p->partner >= 0) {
    CHECK(recv(fd, &number, sizeof number, 0) == sizeof number && number == p->number);
    CHECK(send(fd, "back", 4, 0) == 4 && recv(p->partner, &number, sizeof number, 0) == 4);
    CHECK(close(p->partner) == 0);
  } else {
    CHECK(lseek(fd, 0, SEEK_CUR) == (off_t)p->number);
  }
  CHECK(close(fd) == 0 && close(p->road[0]) == 0 && close(p->road[1]) == 0);
  p->sent = false;
}

int main(void) {
  static void (*const changes[])(struct pair *, unsigned) = {send_some, send_some, send_some, receive,
                                                             receive,   shut,      drop};
  live_begin();
  signal(SIGPIPE, SIG_IGN);
  do {
    for (unsigned k = 1 + live_random(6); k; k--) {
      struct pair *p = &pairs[live_random(PAIRS)];
      make(p);
      changes[live_random(sizeof changes / sizeof *changes)](p, live_random(2));
    }
    for (unsigned i = 0; i < PAIRS; i++)
      for (unsigned side = 0; pairs[i].type && side < 2; side++)
        check_end(&pairs[i], side);
    for (unsigned i = 0; i < sizeof parcels / sizeof *parcels; i++)
      if (live_random(6) == 0)
        (parcels[i].sent ? collect : post)(&parcels[i]);
  } while (live_tick());
  live_pass();
}
