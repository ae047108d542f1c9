// SPDX-License-Identifier: EPL-2.0
// Receive queues of sockets: looked at without being changed, emptied, and filled again.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/status.h"
#include "resource/descriptors.h"
#include "resource/sockets.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

enum { PEEK_BYTES = 256 * 1024, PEEK_MOST = 1 << 30, FILES_MOST = 253, CONTROL_BYTES = 4096, MESSAGES_MOST = 1 << 20 };

// ---- one look ----

struct look {
  int fd;
  bool is_stream;
  unsigned char *bytes;
  size_t room, size;
  struct socket_name sender;
  bool has_credentials, is_end;
  struct ucred credentials;
  int file[FILES_MOST];
  size_t files;
};

static void close_files(struct look *l) {
  for (size_t i = 0; i < l->files; i++)
    (void)close(l->file[i]);
  l->files = 0;
}

static void take_control(struct look *l, struct msghdr *m) {
  int pidfd;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
    size_t size = c->cmsg_len - CMSG_LEN(0);
    if (c->cmsg_level != SOL_SOCKET)
      continue;
    if (c->cmsg_type == SCM_RIGHTS && size <= sizeof l->file) {
      memcpy(l->file, CMSG_DATA(c), size);
      l->files = size / sizeof(int);
    } else if (c->cmsg_type == SCM_CREDENTIALS && size == sizeof l->credentials) {
      memcpy(&l->credentials, CMSG_DATA(c), size);
      l->has_credentials = true;
    } else if (c->cmsg_type == SCM_PIDFD && size == sizeof pidfd) {
      memcpy(&pidfd, CMSG_DATA(c), size);
      if (pidfd >= 0)
        (void)close(pidfd);
    }
  }
}

// What stands at `offset` of the queue, at most `most` bytes. 0, -EAGAIN: nothing, or -errno.
static int look_at(struct look *l, size_t offset, size_t most) {
  union {
    char bytes[CONTROL_BYTES];
    struct cmsghdr align;
  } control;
  int at = (int)offset;
  if (setsockopt(l->fd, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof at) < 0)
    return -errno;
  struct iovec v = {l->bytes, most};
  struct msghdr m = {.msg_iov = &v,
                     .msg_iovlen = 1,
                     .msg_name = &l->sender.address,
                     .msg_namelen = sizeof l->sender.address,
                     .msg_control = control.bytes,
                     .msg_controllen = sizeof control.bytes};
  l->has_credentials = false;
  ssize_t n = recvmsg(l->fd, &m, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (l->is_stream ? 0 : MSG_TRUNC));
  if (n < 0)
    return -errno;
  l->size = (size_t)n;
  l->sender.size = l->is_stream ? 0 : m.msg_namelen;
  take_control(l, &m);
  return 0;
}

// As look_at, with as much room as it takes.
static int look_whole(struct look *l, size_t offset) {
  for (;;) {
    int r = look_at(l, offset, l->room);
    bool is_cut = r == 0 && (l->size > l->room || (l->size == l->room && l->files));
    if (!is_cut)
      return r;
    close_files(l);
    if (l->room >= PEEK_MOST)
      return -EMSGSIZE;
    l->room = l->size > l->room ? l->size : l->room * 2;
    l->bytes = must_realloc(l->bytes, l->room, 1);
  }
}

// Files come with the first byte that they were sent with, but a look joins to it the bytes that were sent before. Each
// piece is copied whole or not at all: where the last byte does not fit, only what stands before the piece with the
// files is given.
static int find_first_with_files(struct look *l, size_t offset, size_t *ret) {
  enum { GUARD = 4096 };
  size_t fits = l->size - 1, size = (fits + GUARD - 1) / GUARD * GUARD + GUARD;
  unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return -errno;
  int r = mprotect(memory + size - GUARD, GUARD, PROT_NONE) < 0 ? -errno : 0;
  struct look before = {.fd = l->fd, .is_stream = true, .bytes = memory + size - GUARD - fits};
  if (r == 0)
    r = look_at(&before, offset, fits + GUARD);
  close_files(&before);
  (void)munmap(memory, size);
  *ret = r < 0 ? 0 : before.size;
  return r == -EFAULT ? 0 : r;
}

// ---- the queue ----

static bool has_same_credentials(const struct socket_message *a, const struct socket_message *b) {
  return a->has_credentials == b->has_credentials &&
         (!a->has_credentials || memcmp(&a->credentials, &b->credentials, sizeof a->credentials) == 0);
}

static struct socket_message *add_message(struct socket_queue *q) {
  array_reserve(q->message, q->count, q->capacity);
  struct socket_message *m = &q->message[q->count++];
  *m = (struct socket_message){0};
  return m;
}

static void add_bytes(struct socket_queue *q, const struct look *l, size_t from, size_t size) {
  struct socket_message more = {.has_credentials = l->has_credentials, .credentials = l->credentials};
  struct socket_message *last = q->count ? &q->message[q->count - 1] : NULL;
  if (!l->is_stream || !last || last->files || !has_same_credentials(last, &more)) {
    last = add_message(q);
    last->has_credentials = l->has_credentials;
    last->credentials = l->credentials;
    last->sender = l->sender;
  }
  last->bytes = must_realloc(last->bytes, last->size + size + 1, 1);
  memcpy(last->bytes + last->size, l->bytes + from, size);
  last->size += size;
}

// Each open file becomes the descriptor's; a capture lets go of it, once it knows how to open it again.
static int add_files(struct socket_queue *q, struct look *l, struct sockets *all, struct error *e) {
  struct socket_message *m = &q->message[q->count - 1];
  m->file = must_alloc((l->files + 1) * sizeof *m->file);
  int r = 0;
  for (size_t i = 0; r == 0 && i < l->files; i++)
    r = descriptor_in_flight(l->file[i], all, &m->file[m->files++], e);
  for (size_t i = m->files; i < l->files; i++)
    (void)close(l->file[i]);
  l->files = 0;
  return r;
}

static int add_look(struct socket_queue *q, struct look *l, size_t offset, struct sockets *all, struct error *e) {
  size_t first = 0;
  if (l->files && l->is_stream) {
    int r = find_first_with_files(l, offset, &first);
    if (r < 0)
      return r;
    if (first)
      add_bytes(q, l, 0, first);
    (void)add_message(q);
    q->message[q->count - 1].has_credentials = l->has_credentials;
    q->message[q->count - 1].credentials = l->credentials;
    q->message[q->count - 1].bytes = must_alloc(l->size - first + 1);
    q->message[q->count - 1].size = l->size - first;
    memcpy(q->message[q->count - 1].bytes, l->bytes + first, l->size - first);
  } else {
    add_bytes(q, l, 0, l->size);
  }
  return l->files ? add_files(q, l, all, e) : 0;
}

static bool is_end(const struct look *l, const struct socket_state *s) {
  return l->size == 0 && (l->is_stream || (s->type == SOCK_SEQPACKET && (s->shutdown & SOCKET_NO_RECEIVE)));
}

// A look at an empty queue, or at any of datagrams, would take away an error that the program has not been told of.
// 1: there may be something; 0: nothing; or -errno. `ret_most`: at most so many bytes, of a stream.
static int what_waits(const struct look *l, size_t *ret_most) {
  struct pollfd p = {.fd = l->fd, .events = POLLIN};
  int bytes = 0;
  if (poll(&p, 1, 0) < 0 || ioctl(l->fd, FIONREAD, &bytes) < 0)
    return -errno;
  *ret_most = (size_t)bytes;
  if (l->is_stream || (p.revents & POLLERR && !bytes))
    return bytes > 0;
  return p.revents & POLLERR ? -EBUSY : (p.revents & POLLIN) != 0;
}

static int look_at_all(struct look *l, size_t most, struct sockets *all, const struct socket_state *s,
                       struct socket_queue *ret, struct error *e) {
  for (size_t offset = 0; ret->count < MESSAGES_MOST; offset += l->size) {
    if (l->is_stream && offset >= most)
      return 0;
    int r = look_whole(l, offset);
    if (r == -EAGAIN || (r == 0 && is_end(l, s)))
      return 0;
    if (r == 0)
      r = add_look(ret, l, offset, all, e);
    if (r < 0)
      return r;
    if (offset + l->size > PEEK_MOST)
      return -EMSGSIZE;
  }
  return -EMSGSIZE;
}

static int look_with_room(struct look *l, size_t most, struct sockets *all, const struct socket_state *s,
                          struct socket_queue *ret, struct error *e) {
  int before = -1;
  socklen_t size = sizeof before;
  if (getsockopt(l->fd, SOL_SOCKET, SO_PEEK_OFF, &before, &size) < 0)
    return -errno;
  l->bytes = must_alloc(PEEK_BYTES);
  l->room = PEEK_BYTES;
  int r = look_at_all(l, most, all, s, ret, e);
  close_files(l);
  (void)setsockopt(l->fd, SOL_SOCKET, SO_PEEK_OFF, &before, sizeof before);
  free(l->bytes);
  return r;
}

static int refuse_packets(const struct socket_state *s, struct error *e) {
  char name[64];
  process_name(s->holder, name, sizeof name);
  return error_set(e, ERROR_REFUSED,
                   "process %d (%s) has a socket with datagrams behind an error that it has not been told of, which "
                   "snapshots cannot hold yet: let it receive them first",
                   s->holder, name);
}

int socket_queue_peek(int fd, struct sockets *all, const struct socket_state *s, struct socket_queue *ret,
                      struct error *e) {
  struct look l = {.fd = fd, .is_stream = s->type == SOCK_STREAM};
  size_t most = 0;
  *ret = (struct socket_queue){0};
  int r = what_waits(&l, &most);
  if (r > 0)
    r = look_with_room(&l, most, all, s, ret, e);
  if (r == -EBUSY)
    return refuse_packets(s, e);
  if (r == -1)
    return -1;
  return r < 0 ? error_set_errno(e, r, "cannot read what is in a socket of process %d", s->holder) : 0;
}

static bool is_same_file(const struct descriptor *then, const struct descriptor *now) {
  return then->kind == now->kind && (!then->kind->same || then->kind->same(then, now));
}

static bool is_same_message(const struct socket_message *a, const struct socket_message *b) {
  if (a->size != b->size || (a->size && memcmp(a->bytes, b->bytes, a->size) != 0) || a->files != b->files ||
      !has_same_credentials(a, b) || a->sender.size != b->sender.size ||
      (a->sender.size && memcmp(&a->sender.address, &b->sender.address, a->sender.size) != 0))
    return false;
  for (size_t i = 0; i < a->files; i++)
    if (!is_same_file(&a->file[i], &b->file[i]))
      return false;
  return true;
}

bool socket_queue_is_same(const struct socket_queue *then, const struct socket_queue *now) {
  if (then->count != now->count)
    return false;
  for (size_t i = 0; i < then->count; i++)
    if (!is_same_message(&then->message[i], &now->message[i]))
      return false;
  return true;
}

void socket_queue_let_go(struct socket_queue *q) {
  for (size_t i = 0; i < q->count; i++)
    for (size_t k = 0; k < q->message[i].files; k++) {
      cleanup_fd(&q->message[i].file[k].lent);
      q->message[i].file[k].lent = -1;
    }
}

void socket_queue_done(struct socket_queue *q) {
  for (size_t i = 0; i < q->count; i++) {
    for (size_t k = 0; k < q->message[i].files; k++)
      descriptor_done(&q->message[i].file[k]);
    free(q->message[i].file);
    free(q->message[i].bytes);
  }
  free(q->message);
  *q = (struct socket_queue){0};
}

// ---- emptying and filling ----

// Open files that come out are closed. A stream that is shut down reads as nothing for ever.
int socket_queue_drain(int fd) {
  static char bytes[65536];
  union {
    char bytes[CONTROL_BYTES];
    struct cmsghdr align;
  } control;
  struct look l = {0};
  ssize_t n;
  int type = 0, empty = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
    return -errno;
  do {
    struct iovec v = {bytes, sizeof bytes};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n >= 0)
      take_control(&l, &m);
    close_files(&l);
    empty = n == 0 ? empty + 1 : 0;
  } while (n > 0 || (n == 0 && type != SOCK_STREAM && empty < PEEK_BYTES) || (n < 0 && errno == ECONNRESET));
  return n == 0 || errno == EAGAIN ? 0 : -errno;
}

static int open_files(const struct socket_message *m, int *ret, size_t *ret_count) {
  for (*ret_count = 0; *ret_count < m->files; (*ret_count)++) {
    const struct descriptor *d = &m->file[*ret_count];
    int fd = d->kind->reopen(d);
    if (fd < 0)
      return fd;
    ret[*ret_count] = fd;
    if (d->kind == &descriptor_eventfd && d->info.count && write(fd, &d->info.count, sizeof d->info.count) < 0)
      return -errno;
  }
  return 0;
}

static void add_control(struct msghdr *m, size_t room, int type, const void *data, size_t size) {
  struct cmsghdr *c = (struct cmsghdr *)((char *)m->msg_control + m->msg_controllen);
  if (m->msg_controllen + CMSG_SPACE(size) > room)
    return;
  *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = type, .cmsg_len = CMSG_LEN(size)};
  memcpy(CMSG_DATA(c), data, size);
  m->msg_controllen += CMSG_SPACE(size);
}

static int send_with(int fd, const struct socket_message *m, const int *file, const struct socket_name *to,
                     bool with_credentials) {
  union {
    char bytes[CONTROL_BYTES];
    struct cmsghdr align;
  } control = {0};
  for (size_t done = 0; done < m->size || done == 0;) {
    struct iovec v = {m->bytes + done, m->size - done};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes};
    if (to && to->size) {
      h.msg_name = (void *)&to->address;
      h.msg_namelen = to->size;
    }
    if (m->files && done == 0)
      add_control(&h, sizeof control.bytes, SCM_RIGHTS, file, m->files * sizeof *file);
    if (with_credentials)
      add_control(&h, sizeof control.bytes, SCM_CREDENTIALS, &m->credentials, sizeof m->credentials);
    if (!h.msg_controllen)
      h.msg_control = NULL;
    ssize_t n = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
      return -errno;
    done += (size_t)n;
    if (!m->size)
      break;
  }
  return 0;
}

// The credentials of a process that has ended cannot be given.
int socket_message_send(int fd, const struct socket_message *m, const struct socket_name *to) {
  int file[FILES_MOST];
  size_t files = 0;
  int r = m->files > FILES_MOST ? -EMSGSIZE : open_files(m, file, &files);
  if (r == 0)
    r = send_with(fd, m, file, to, m->has_credentials);
  if (m->has_credentials && (r == -ESRCH || r == -EPERM))
    r = send_with(fd, m, file, to, false);
  for (size_t i = 0; i < files; i++)
    (void)close(file[i]);
  return r;
}
