// SPDX-License-Identifier: EPL-2.0
// Options of sockets, read and put back where they differ.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "resource/sockets.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

// Of the level SOL_SOCKET; one that this kernel or this kind of socket does not have is passed over. The sizes of the
// buffers come first: to set one marks it as set, which the next one may take back.
static const int common[] = {SO_SNDBUF,     SO_RCVBUF,   SO_BUF_LOCK, SO_PASSCRED, SO_PASSSEC, SO_PASSPIDFD,
                             SO_PASSRIGHTS, SO_RCVLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_PEEK_OFF};
// What unix sockets take and do nothing with; to ask for it costs time while the program stands still.
static const int of_networks[] = {
    SO_REUSEADDR, SO_REUSEPORT,    SO_KEEPALIVE,   SO_BROADCAST, SO_OOBINLINE,    SO_LINGER,
    SO_PRIORITY,  SO_TIMESTAMP,    SO_TIMESTAMPNS, SO_RXQ_OVFL,  SO_TIMESTAMPING, SO_DONTROUTE,
    SO_MARK,      SO_BINDTODEVICE, SO_ZEROCOPY,    SO_NO_CHECK,  SO_LOCK_FILTER,  SO_PREFER_BUSY_POLL};

static int read_option(int fd, int level, int name, struct socket_option *ret) {
  *ret = (struct socket_option){.level = level, .name = name, .size = sizeof ret->value};
  return getsockopt(fd, level, name, ret->value, &ret->size) < 0 ? -errno : 0;
}

int socket_option_add(int fd, struct socket_state *s, int level, int name) {
  struct socket_option o;
  int r = read_option(fd, level, name, &o);
  if (r == -ENOPROTOOPT || r == -EOPNOTSUPP || r == -EINVAL || r == -ENOTCONN)
    return 0;
  if (r < 0)
    return r;
  s->option = must_realloc(s->option, s->options + 1, sizeof *s->option);
  s->option[s->options++] = o;
  return 0;
}

int socket_options_capture(int fd, struct socket_state *s) {
  int r = 0;
  for (size_t i = 0; r == 0 && i < sizeof common / sizeof common[0]; i++)
    r = socket_option_add(fd, s, SOL_SOCKET, common[i]);
  for (size_t i = 0; r == 0 && s->domain != AF_UNIX && i < sizeof of_networks / sizeof of_networks[0]; i++)
    r = socket_option_add(fd, s, SOL_SOCKET, of_networks[i]);
  return r;
}

static int number_in(const struct socket_option *o) {
  int number = 0;
  memcpy(&number, o->value, o->size < sizeof number ? o->size : sizeof number);
  return number;
}

enum { LOCKS_SEND = 1, LOCKS_RECEIVE = 2 };

// A kernel that cannot tell (before Linux 5.14) has what was then put back.
static int locks_of(int fd) {
  struct socket_option o;
  return read_option(fd, SOL_SOCKET, SO_BUF_LOCK, &o) < 0 ? LOCKS_SEND | LOCKS_RECEIVE : number_in(&o);
}

static int locks_then(const struct socket_state *s) {
  for (size_t i = 0; i < s->options; i++)
    if (s->option[i].level == SOL_SOCKET && s->option[i].name == SO_BUF_LOCK)
      return number_in(&s->option[i]);
  return 0;
}

// A buffer whose size nobody has set is the kernel's affair, and may have grown by itself.
static bool is_for_kernel(int fd, const struct socket_state *s, const struct socket_option *o) {
  if (o->level != SOL_SOCKET || (o->name != SO_SNDBUF && o->name != SO_RCVBUF))
    return false;
  int which = o->name == SO_SNDBUF ? LOCKS_SEND : LOCKS_RECEIVE;
  return !((locks_of(fd) | locks_then(s)) & which);
}

// The kernel doubles what it is told of buffers, and tells the double.
static int set_option(int fd, const struct socket_option *o) {
  if (o->level == SOL_SOCKET && (o->name == SO_SNDBUF || o->name == SO_RCVBUF)) {
    int half = number_in(o) / 2;
    return setsockopt(fd, SOL_SOCKET, o->name, &half, sizeof half) < 0 ? -errno : 0;
  }
  return setsockopt(fd, o->level, o->name, o->value, o->size) < 0 ? -errno : 0;
}

// What the user may not set, or what was set with rights that we lack, stays as it is.
int socket_options_set(int fd, const struct socket_state *s) {
  for (size_t i = 0; i < s->options; i++) {
    const struct socket_option *then = &s->option[i];
    struct socket_option now;
    if (is_for_kernel(fd, s, then) || read_option(fd, then->level, then->name, &now) < 0 ||
        (now.size == then->size && memcmp(now.value, then->value, now.size) == 0))
      continue;
    int r = set_option(fd, then);
    if (r < 0 && r != -EPERM && r != -ENOPROTOOPT && r != -EOPNOTSUPP && r != -EINVAL)
      return r;
  }
  return 0;
}
