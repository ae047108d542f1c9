// SPDX-License-Identifier: EPL-2.0
// Listing TCP sockets through netlink.
#include "kernel/tcp_diag.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/cleanup.h"

enum { ANSWER_BYTES = 65536 };

static int ask(int diag, int family) {
  struct {
    struct nlmsghdr header;
    struct inet_diag_req_v2 question;
  } m = {
      .header = {.nlmsg_len = sizeof m, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
      .question = {.sdiag_family = (__u8)family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0U},
  };
  return send(diag, &m, sizeof m, 0) < 0 ? -errno : 0;
}

// 1: more is to come; 0: that was all; or -errno.
static int take_part(const struct nlmsghdr *h, int size, void (*take)(void *, const struct inet_diag_msg *),
                     void *data) {
  for (; size > 0 && NLMSG_OK(h, (unsigned)size); h = NLMSG_NEXT(h, size)) {
    if (h->nlmsg_type == NLMSG_DONE)
      return 0;
    if (h->nlmsg_type == NLMSG_ERROR)
      return h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)) &&
                     ((const struct nlmsgerr *)NLMSG_DATA(h))->error < 0
                 ? ((const struct nlmsgerr *)NLMSG_DATA(h))->error
                 : -EBADMSG;
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
      return -EBADMSG;
    take(data, NLMSG_DATA(h));
  }
  return 1;
}

int tcp_diag_list(int family, void (*take)(void *data, const struct inet_diag_msg *m), void *data) {
  union {
    struct nlmsghdr header;
    char bytes[ANSWER_BYTES];
  } answer;
  _cleanup_fd_ int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  int r = diag < 0 ? -errno : ask(diag, family);
  for (bool more = r == 0; more;) {
    ssize_t n = recv(diag, &answer, sizeof answer, 0);
    r = n < 0 ? -errno : take_part(&answer.header, (int)n, take, data);
    more = r == 1 || r == -EINTR;
  }
  return r;
}
