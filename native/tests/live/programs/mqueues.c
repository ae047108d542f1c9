// SPDX-License-Identifier: EPL-2.0
// POSIX message queues against a model: messages by priority, queues that lose their name, are closed, and made anew.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUEUES = 3, ROOM = 6, SIZE = 64 };

struct message {
  char bytes[SIZE];
  size_t size;
  unsigned priority;
};

static struct queue {
  char name[64];
  bool has_name;
  mqd_t fd, other;               // -1: closed
  struct message message[ROOM];  // in the order in which they are received
  unsigned count;
} queues[QUEUES];

static mqd_t open_queue(const struct queue *q, int flags) {
  struct mq_attr attributes = {.mq_maxmsg = ROOM, .mq_msgsize = SIZE};
  mqd_t fd = mq_open(q->name, flags | O_NONBLOCK, 0600, &attributes);
  CHECK(fd >= 0);
  return fd;
}

static void make(struct queue *q) {
  if (q->fd >= 0)
    return;
  CHECK(mq_unlink(q->name) == 0 || errno == ENOENT);  // of one that a rewind has left behind
  q->fd = open_queue(q, O_RDWR | O_CREAT | O_EXCL);
  q->has_name = true;
  q->count = 0;
}

static void open_other(struct queue *q) {
  if (q->fd < 0)
    return;
  if (q->other >= 0) {
    CHECK(mq_close(q->other) == 0);
    q->other = -1;
  } else if (q->has_name) {
    q->other = open_queue(q, O_RDONLY);
  }
}

static void take_name(struct queue *q) {
  if (q->fd < 0 || !q->has_name || live_random(3))
    return;
  CHECK(mq_unlink(q->name) == 0);
  q->has_name = false;
}

static void drop(struct queue *q) {
  if (q->fd < 0 || live_random(3))
    return;
  if (q->has_name)
    CHECK(mq_unlink(q->name) == 0);
  CHECK(mq_close(q->fd) == 0 && (q->other < 0 || mq_close(q->other) == 0));
  q->fd = q->other = -1;
  q->has_name = false;
}

static void send(struct queue *q) {
  struct message m = {.size = live_random(SIZE + 1), .priority = live_random(3)};
  if (q->fd < 0)
    return;
  for (size_t i = 0; i < m.size; i++)
    m.bytes[i] = (char)live_random(256);
  int result = mq_send(q->fd, m.bytes, m.size, m.priority);
  CHECK(q->count == ROOM ? result < 0 && errno == EAGAIN : result == 0);
  if (q->count == ROOM)
    return;
  unsigned at = 0;
  while (at < q->count && q->message[at].priority >= m.priority)
    at++;
  memmove(&q->message[at + 1], &q->message[at], (q->count - at) * sizeof m);
  q->message[at] = m;
  q->count++;
}

static void receive(struct queue *q) {
  char bytes[SIZE];
  unsigned priority = 0;
  if (q->fd < 0)
    return;
  ssize_t n = mq_receive(q->other >= 0 ? q->other : q->fd, bytes, sizeof bytes, &priority);
  CHECK(q->count ? n >= 0 : n < 0 && errno == EAGAIN);
  if (!q->count)
    return;
  const struct message *m = &q->message[0];
  CHECK((size_t)n == m->size && priority == m->priority && memcmp(bytes, m->bytes, m->size) == 0);
  memmove(&q->message[0], &q->message[1], --q->count * sizeof *m);
}

static void check(const struct queue *q) {
  struct mq_attr attributes;
  if (q->fd < 0)
    return;
  CHECK(mq_getattr(q->fd, &attributes) == 0);
  CHECK(attributes.mq_maxmsg == ROOM && attributes.mq_msgsize == SIZE && attributes.mq_curmsgs == (long)q->count &&
        attributes.mq_flags == O_NONBLOCK);
  if (!q->has_name)
    return;
  mqd_t named = mq_open(q->name, O_RDONLY | O_NONBLOCK);
  CHECK(named >= 0);
  CHECK(mq_getattr(named, &attributes) == 0 && attributes.mq_curmsgs == (long)q->count && mq_close(named) == 0);
}

int main(void) {
  static void (*const changes[])(struct queue *) = {make, make, open_other, take_name, drop,
                                                    send, send, send,       receive,   receive};
  live_begin();
  for (unsigned i = 0; i < QUEUES; i++) {
    snprintf(queues[i].name, sizeof queues[i].name, "/live-%d-%u-%u", (int)getpid(), i, live_random(1000000));
    queues[i].fd = queues[i].other = -1;
  }
  do {
    changes[live_random(sizeof changes / sizeof *changes)](&queues[live_random(QUEUES)]);
    for (unsigned i = 0; i < QUEUES; i++)
      check(&queues[i]);
  } while (live_tick());
  for (unsigned i = 0; i < QUEUES; i++)
    CHECK(mq_unlink(queues[i].name) == 0 || errno == ENOENT);
  live_pass();
}
