// SPDX-License-Identifier: EPL-2.0
// Datagrams that wait in UDP sockets: sent again from the addresses that they came from.
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "resource/socket_inet.h"

enum { TRIES = 3 };

static bool sends_from(const struct socket_state *o, const struct socket_name *sender) {
  struct inet_point at = inet_point_of(&sender->address);
  if (!inet_is_ours(o) || inet_is_tcp(o) || o->now < 0)
    return false;
  return inet_point_covers(&inet_own(o)->point, &at);
}

// A socket of the session with that address, or one of ours, if nobody else has the address. -1: somebody else has it.
static int open_sender(const struct sockets *all, const struct socket_state *s, const struct socket_name *sender,
                       int *ret_own, int *ret_domain) {
  *ret_own = -1;
  *ret_domain = sender->address.ss_family;
  for (size_t i = 0; i < all->count; i++)
    if (sends_from(all->item[i], sender)) {
      *ret_domain = all->item[i]->domain;
      return all->item[i]->now;
    }
  int fd = socket(sender->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, s->protocol);
  if (fd < 0 || bind(fd, inet_address(sender), sender->size) < 0) {
    cleanup_fd(&fd);
    return -1;
  }
  return *ret_own = fd;
}

// One that listens on all addresses is reached at the sender's, if that is one of this machine's.
static struct socket_name receiver_of(const struct socket_state *s, const struct socket_name *sender, int domain) {
  struct inet_point at = inet_own(s)->point;
  if (inet_is_any(&at.address))
    at.address = inet_point_of(&sender->address).address;
  return inet_name_of(&at, domain);
}

// An error that waits in the sender (a datagram that nobody received) is told to the first who sends.
static int send_one(int fd, const struct socket_message *m, const struct socket_name *to) {
  int r = -ECONNREFUSED;
  for (int i = 0; r == -ECONNREFUSED && i < TRIES; i++)
    r = socket_message_send(fd, m, to);
  return r;
}

static bool send_again(const struct sockets *all, const struct socket_state *s, const struct socket_message *m) {
  _cleanup_fd_ int own = -1;
  int domain = s->domain, fd = m->sender.size ? open_sender(all, s, &m->sender, &own, &domain) : -1;
  struct socket_name to = receiver_of(s, &m->sender, domain);
  return fd >= 0 && send_one(fd, m, &to) == 0;
}

static bool is_as_it_was(const struct socket_state *s) {
  struct socket_queue now = {0};
  bool same =
      s->is_kept && socket_queue_peek(s->now, NULL, s, &now, NULL) == 0 && socket_queue_is_same(&s->queue, &now);
  socket_queue_done(&now);
  return same;
}

int udp_fill(struct sockets *all, struct socket_state *s) {
  unsigned lost = 0;
  if (is_as_it_was(s))
    return 0;
  int r = socket_queue_drain(s->now);
  if (r < 0)
    return r;
  for (size_t i = 0; i < s->queue.count; i++)
    lost += !send_again(all, s, &s->queue.message[i]);
  if (lost)
    sockets_note(all, "%u datagram%s that waited at %s %s lost", lost, lost == 1 ? "" : "s",
                 inet_text_of(&s->name).text, lost == 1 ? "is" : "are");
  return 0;
}
