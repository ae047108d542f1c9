// SPDX-License-Identifier: EPL-2.0
// What sock_diag(7) tells of a unix socket.
#include "kernel/unix_diag.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES = 65536 };

int unix_diag_open(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  return fd < 0 ? -errno : fd;
}

static int ask(int diag, ino_t inode) {
  struct {
    struct nlmsghdr header;
    struct unix_diag_req question;
  } m = {
      .header = {.nlmsg_len = sizeof m, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
      .question = {.sdiag_family = AF_UNIX,
                   .udiag_states = ~0U,
                   .udiag_ino = (uint32_t)inode,
                   .udiag_show = UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN,
                   .udiag_cookie = {~0U, ~0U}},
  };
  return send(diag, &m, sizeof m, 0) < 0 ? -errno : 0;
}

static uint32_t number_in(const void *data, size_t size) {
  uint32_t number = 0;
  memcpy(&number, data, size < sizeof number ? size : sizeof number);
  return number;
}

static void take_queues(const struct rtattr *a, bool listens, struct unix_diag *ret) {
  struct unix_diag_rqlen lengths = {0};
  memcpy(&lengths, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof lengths ? RTA_PAYLOAD(a) : sizeof lengths);
  *(listens ? &ret->backlog : &ret->unsent) = lengths.udiag_wqueue;
}

static void take_file(const struct rtattr *a, struct unix_diag *ret) {
  struct unix_diag_vfs file = {0};
  memcpy(&file, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof file ? RTA_PAYLOAD(a) : sizeof file);
  ret->has_file = true;
  ret->file_inode = file.udiag_vfs_ino;
  ret->file_device = file.udiag_vfs_dev;
}

static int take_waiting(const struct rtattr *a, struct unix_diag *ret) {
  size_t count = RTA_PAYLOAD(a) / sizeof *ret->waiting;
  ret->waiting = malloc(count * sizeof *ret->waiting + 1);
  if (!ret->waiting)
    return -ENOMEM;
  memcpy(ret->waiting, RTA_DATA(a), count * sizeof *ret->waiting);
  ret->waiting_count = count;
  return 0;
}

static int take_attribute(const struct rtattr *a, bool listens, struct unix_diag *ret) {
  switch (a->rta_type) {
  case UNIX_DIAG_VFS:
    take_file(a, ret);
    return 0;
  case UNIX_DIAG_PEER:
    ret->has_peer = true;
    ret->peer = number_in(RTA_DATA(a), RTA_PAYLOAD(a));
    return 0;
  case UNIX_DIAG_ICONS:
    return ret->waiting ? 0 : take_waiting(a, ret);
  case UNIX_DIAG_RQLEN:
    take_queues(a, listens, ret);
    return 0;
  case UNIX_DIAG_SHUTDOWN:
    ret->shutdown = number_in(RTA_DATA(a), RTA_PAYLOAD(a) > 1 ? 1 : RTA_PAYLOAD(a));
    return 0;
  default:
    return 0;
  }
}

enum { LISTENING = 10 };  // TCP_LISTEN, which unix sockets share

static int parse(const struct nlmsghdr *h, struct unix_diag *ret) {
  const struct unix_diag_msg *m = NLMSG_DATA(h);
  if (h->nlmsg_type == NLMSG_ERROR)
    return h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)) ? ((const struct nlmsgerr *)NLMSG_DATA(h))->error
                                                                 : -EBADMSG;
  if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || h->nlmsg_len < NLMSG_LENGTH(sizeof *m))
    return -EBADMSG;
  unsigned left = h->nlmsg_len - (unsigned)NLMSG_LENGTH(sizeof *m);
  const struct rtattr *a = (const struct rtattr *)((const char *)m + NLMSG_ALIGN(sizeof *m));
  int r = 0;
  for (; r == 0 && RTA_OK(a, left); a = RTA_NEXT(a, left))
    r = take_attribute(a, m->udiag_state == LISTENING, ret);
  return r;
}

int unix_diag_read(int diag, ino_t inode, struct unix_diag *ret) {
  union {
    struct nlmsghdr header;
    char bytes[ANSWER_BYTES];
  } answer;
  *ret = (struct unix_diag){0};
  int r = ask(diag, inode);
  if (r < 0)
    return r;
  ssize_t n = recv(diag, &answer, sizeof answer, 0);
  if (n < 0)
    return -errno;
  r = (size_t)n < sizeof answer.header || answer.header.nlmsg_len > (size_t)n ? -EBADMSG : parse(&answer.header, ret);
  if (r < 0)
    unix_diag_done(ret);
  return r;
}

void unix_diag_done(struct unix_diag *d) {
  free(d->waiting);
  d->waiting = NULL;
  d->waiting_count = 0;
}
