// SPDX-License-Identifier: EPL-2.0
// Netlink sockets that ask the kernel for its network devices, with a number and groups of their own.
#include "live.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 4, GROUPS = 3, ANSWER = 32768 };

static struct slot {
  int fd;
  bool used, is_bound;
  uint32_t number, sequence;
  uint32_t groups;
} slots[SLOTS];

static void read_name(const struct slot *s, struct sockaddr_nl *ret) {
  socklen_t size = sizeof *ret;
  *ret = (struct sockaddr_nl){0};
  CHECK(getsockname(s->fd, (struct sockaddr *)ret, &size) == 0);
}

static void make(struct slot *s) {
  struct sockaddr_nl name = {.nl_family = AF_NETLINK};
  if (s->used)
    return;
  *s = (struct slot){.used = true, .is_bound = live_random(4)};
  s->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  CHECK(s->fd >= 0);
  s->groups = s->is_bound ? live_random(1 << GROUPS) : 0;
  name.nl_groups = s->groups;
  if (s->is_bound)
    CHECK(bind(s->fd, (struct sockaddr *)&name, sizeof name) == 0);
  read_name(s, &name);
  s->number = name.nl_pid;
}

static void regroup(struct slot *s) {
  int group = 1 + (int)live_random(GROUPS);
  if (!s->used || !s->is_bound)
    return;
  bool is_in = s->groups & (1U << (group - 1));
  CHECK(setsockopt(s->fd, SOL_NETLINK, is_in ? NETLINK_DROP_MEMBERSHIP : NETLINK_ADD_MEMBERSHIP, &group,
                   sizeof group) == 0);
  s->groups ^= 1U << (group - 1);
}

enum part { MORE, END, NOTHING };

static enum part read_part(struct slot *s, bool *saw_device) {
  union {
    struct nlmsghdr header;
    char bytes[ANSWER];
  } answer;
  ssize_t n = recv(s->fd, &answer, sizeof answer, 0);
  CHECK(n > 0 || (n == -1 && errno == EAGAIN));
  bool has_come = n > 0;
  for (struct nlmsghdr *h = &answer.header; n > 0 && NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
    if (h->nlmsg_seq != s->sequence)
      continue;  // of a group, or an earlier answer
    CHECK(h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == NLMSG_DONE);
    *saw_device = *saw_device || h->nlmsg_type == RTM_NEWLINK;
    if (h->nlmsg_type == NLMSG_DONE)
      return END;
  }
  return has_come ? MORE : NOTHING;
}

static enum part read_answer(struct slot *s, bool *saw_device) {
  enum part part = MORE;
  while (part == MORE)
    part = read_part(s, saw_device);
  return part;
}

// Whoever is rewound between question and answer asks again: the answer may be lost.
static void ask(struct slot *s) {
  struct {
    struct nlmsghdr header;
    struct rtgenmsg question;
  } m = {.header = {.nlmsg_len = sizeof m, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
  struct sockaddr_nl name;
  bool saw_device = false;
  if (!s->used)
    return;
  struct timeval patience = {.tv_usec = 200000};
  CHECK(setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  do {
    m.header.nlmsg_seq = ++s->sequence;
    ssize_t n = send(s->fd, &m, sizeof m, 0);
    CHECK(n == sizeof m || errno == EBUSY);  // an answer that nobody has read to its end
  } while (read_answer(s, &saw_device) == NOTHING);
  CHECK(saw_device);
  read_name(s, &name);
  s->number = name.nl_pid;
  s->is_bound = true;
}

static void close_one(struct slot *s) {
  if (!s->used)
    return;
  CHECK(close(s->fd) == 0);
  s->used = false;
}

static void check(const struct slot *s) {
  struct sockaddr_nl now;
  uint32_t groups[4] = {0};
  socklen_t size = sizeof groups;
  if (!s->used)
    return;
  read_name(s, &now);
  CHECK(now.nl_pid == s->number);
  CHECK(getsockopt(s->fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &size) == 0 && groups[0] == s->groups);
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make, make, regroup, regroup, ask, close_one};
  live_begin();
  do {
    changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
    for (unsigned i = 0; i < SLOTS; i++)
      check(&slots[i]);
  } while (live_tick());
  live_pass();
}
