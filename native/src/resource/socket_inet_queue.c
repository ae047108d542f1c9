// SPDX-License-Identifier: EPL-2.0
// The bytes in TCP connections: copied where they are, taken out, and sent again.
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/memory.h"
#include "resource/socket_inet.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

enum {
  BYTES_MOST = 1 << 30,
  ROOM_BEYOND = 65536,
  PATIENCE_MS = 2000,
  SETTLE_MS = 100,
  LOCKS_RECEIVE = 2,
  GONE_MOST = 4 << 20
};

static int number_of(int fd, unsigned long what) {
  int n = 0;
  return ioctl(fd, what, &n) < 0 ? -errno : n;
}

static void set_number(int fd, int name, int value) { (void)setsockopt(fd, SOL_SOCKET, name, &value, sizeof value); }

static int get_number(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

// ---- what is on the way ----

// A look tells the peer that there is room now.
static void announce_room(int fd) {
  char byte;
  (void)recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

static int wait_until_through(int fd, int peer, int patience_ms) {
  uint64_t end = now_ms() + (uint64_t)patience_ms;
  int left, before = -1;
  while ((left = number_of(peer, SIOCOUTQ)) > 0 && now_ms() < end) {
    if (left != before)
      announce_room(fd);
    before = left;
    (void)nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
  }
  return left;
}

// What a window that is too small holds back comes when the wanted minimum is raised: that makes the kernel enlarge the
// buffer, unless the program has set its size. Then that is changed for the moment.
struct window {
  int fd, wanted, size;
  bool is_set;
};

static struct window enlarge(int fd, int64_t needed) {
  int locks = get_number(fd, SO_BUF_LOCK), enough = needed < BYTES_MOST ? (int)needed : BYTES_MOST;
  struct window w = {fd, get_number(fd, SO_RCVLOWAT), get_number(fd, SO_RCVBUF), locks >= 0 && (locks & LOCKS_RECEIVE)};
  set_number(fd, w.is_set ? SO_RCVBUF : SO_RCVLOWAT, enough);
  announce_room(fd);
  return w;
}

static void put_back(const struct window *w) {
  if (w->is_set)
    set_number(w->fd, SO_RCVBUF, w->size / 2);
  set_number(w->fd, SO_RCVLOWAT, w->wanted);
}

// Lets what the peer has sent come through to `fd` (`peer`: -1, unknown). Bytes that are still on the way, or -errno.
static int64_t settle(int fd, int peer, int patience_ms) {
  int on_the_way = peer < 0 ? 0 : number_of(peer, SIOCOUTQ), here = number_of(fd, SIOCINQ);
  if (on_the_way <= 0 || here < 0)
    return here < 0 ? here : 0;
  struct window w = enlarge(fd, (int64_t)here + on_the_way + ROOM_BEYOND);
  int left = wait_until_through(fd, peer, patience_ms);
  put_back(&w);
  return left;
}

void inet_await_end(int fd) {
  struct window w = enlarge(fd, GONE_MOST);
  uint64_t end = now_ms() + PATIENCE_MS;
  struct pollfd p = {.fd = fd, .events = POLLRDHUP};
  while (poll(&p, 1, 1) == 0 && now_ms() < end)
    announce_room(fd);
  put_back(&w);
}

// ---- copying ----

static void append(struct socket_queue *q, const unsigned char *bytes, size_t size) {
  if (!q->count) {
    q->message = must_alloc(sizeof *q->message);
    q->count = q->capacity = 1;
    *q->message = (struct socket_message){0};
  }
  struct socket_message *m = q->message;
  m->bytes = must_realloc(m->bytes, m->size + size + 1, 1);
  memcpy(m->bytes + m->size, bytes, size);
  m->size += size;
}

static int peek_here(int fd, struct socket_queue *ret) {
  int here = number_of(fd, SIOCINQ);
  if (here <= 0)
    return here;
  unsigned char *bytes = must_alloc((size_t)here);
  ssize_t n = recv(fd, bytes, (size_t)here, MSG_PEEK | MSG_DONTWAIT);
  int r = n < 0 ? -errno : 0;
  if (n > 0)
    append(ret, bytes, (size_t)n);
  free(bytes);
  return r == -EAGAIN ? 0 : r;
}

// Takes out what there is; a copy goes to `keep` (NULL: to nobody).
static int take_all(int fd, int peer, struct socket_queue *keep) {
  static unsigned char bytes[1 << 18];
  uint64_t end = now_ms() + PATIENCE_MS;
  for (;;) {
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0) {
      if (keep)
        append(keep, bytes, (size_t)n);
      end = now_ms() + PATIENCE_MS;
      continue;
    }
    int r = n == 0 ? 0 : -errno;
    bool may_come = r == -EAGAIN && peer >= 0 && number_of(peer, SIOCOUTQ) > 0;
    if (!may_come)
      return r == -EAGAIN || r == -ECONNRESET || r == -ENOTCONN ? 0 : r;
    if (now_ms() > end)
      return -ETIMEDOUT;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    (void)poll(&p, 1, 1);
  }
}

int inet_drain(int fd, int peer) { return take_all(fd, peer, NULL); }

// Bytes that do not come through have to be taken out, and are sent again at once: they had room before.
static int take_and_refill(int fd, int peer, struct socket_queue *ret) {
  socket_queue_done(ret);
  int r = take_all(fd, peer, ret);
  return r < 0 ? r : inet_refill(fd, peer, ret);
}

// One that has sent its end sends nothing any more.
static bool can_send(int fd) {
  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  return fd >= 0 && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

int inet_peek(int fd, int peer, struct socket_queue *ret) {
  *ret = (struct socket_queue){0};
  bool can_be_sent_again = can_send(peer);
  int64_t left = settle(fd, peer, can_be_sent_again ? SETTLE_MS : PATIENCE_MS);
  if (left < 0 || (left > 0 && !can_be_sent_again))
    return left < 0 ? (int)left : -ETIMEDOUT;
  bool comes_through = !left && fault(FAULT_tcp_window) == 0;
  int r = !comes_through && can_be_sent_again ? take_and_refill(fd, peer, ret) : peek_here(fd, ret);
  if (r < 0)
    socket_queue_done(ret);
  return r;
}

// ---- sending again ----

static size_t total_of(const struct socket_queue *q) {
  size_t total = 0;
  for (size_t i = 0; i < q->count; i++)
    total += q->message[i].size;
  return total;
}

// Room for all of it on both sides, whatever the buffers have grown to by themselves before.
static void make_room(int fd, int peer, size_t total) {
  int enough = total < BYTES_MOST / 4 ? (int)total * 2 + ROOM_BEYOND : BYTES_MOST;
  if (total <= ROOM_BEYOND / 2)
    return;
  if (get_number(peer, SO_SNDBUF) < enough)
    set_number(peer, SO_SNDBUF, enough);
  if (fd >= 0)
    set_number(fd, SO_RCVLOWAT, enough);
}

static int send_all(int fd, int peer, const unsigned char *bytes, size_t size) {
  uint64_t end = now_ms() + PATIENCE_MS;
  for (size_t done = 0; done < size;) {
    ssize_t n = send(peer, bytes + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
      done += (size_t)n;
      end = now_ms() + PATIENCE_MS;
      continue;
    }
    if (errno != EAGAIN)
      return -errno;
    if (now_ms() > end)
      return -ENOBUFS;
    if (fd >= 0)
      announce_room(fd);
    struct pollfd p = {.fd = peer, .events = POLLOUT};
    (void)poll(&p, 1, 1);
  }
  return 0;
}

// Nothing is to linger for company: neither for Nagle nor for a cork of the program's, which comes back with the
// options.
int inet_refill(int fd, int peer, const struct socket_queue *q) {
  int one = 1, zero = 0, wanted = fd < 0 ? 0 : get_number(fd, SO_RCVLOWAT), locks = get_number(peer, SO_BUF_LOCK);
  if (!total_of(q))
    return 0;
  int no_delay = 0, cork = 0, r = 0;
  socklen_t size = sizeof no_delay, cork_size = sizeof cork;
  (void)getsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
  (void)getsockopt(peer, IPPROTO_TCP, TCP_CORK, &cork, &cork_size);
  (void)setsockopt(peer, IPPROTO_TCP, TCP_CORK, &zero, sizeof zero);
  (void)setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  make_room(fd, peer, total_of(q));
  for (size_t i = 0; r == 0 && i < q->count; i++)
    r = send_all(fd, peer, q->message[i].bytes, q->message[i].size);
  if (fd >= 0) {
    (void)wait_until_through(fd, peer, SETTLE_MS);
    set_number(fd, SO_RCVLOWAT, wanted);
  }
  if (locks >= 0)
    set_number(peer, SO_BUF_LOCK, locks);
  (void)setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
  (void)setsockopt(peer, IPPROTO_TCP, TCP_CORK, &cork, sizeof cork);
  return r;
}
