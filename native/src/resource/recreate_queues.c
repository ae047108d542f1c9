// SPDX-License-Identifier: EPL-2.0
// Message queues of an image, made anew; their messages are put in as in a rewind.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "resource/mqueue.h"
#include "resource/recreate_kinds.h"

typedef Snapback__Image__MessageQueue message_queue;

static struct mq_attr attributes_of(const message_queue *q) {
  return (struct mq_attr){.mq_maxmsg = (long)q->most_messages, .mq_msgsize = (long)q->message_size};
}

// One without a name has another one for a moment.
static int make_nameless(const message_queue *q, const struct mq_attr *attributes) {
  _cleanup_free_ char *name = must_format("/snapback-restart-%d", (int)getpid());
  int fd = message_queue_make(name, q->mode, attributes, false);
  if (fd >= 0)
    (void)message_queue_remove(name);
  return fd;
}

static int make_queue(struct recreated_queue *to, bool may_exist) {
  const struct mq_attr attributes = attributes_of(to->from);
  int r = fault(FAULT_restart_queues);
  if (r < 0)
    return r;
  if (to->from->deleted)
    return make_nameless(to->from, &attributes);
  int fd = message_queue_make(to->from->name, to->from->mode, &attributes, false);
  to->is_new = fd >= 0;
  return fd == -EEXIST && may_exist ? message_queue_make(to->from->name, to->from->mode, &attributes, true) : fd;
}

int recreation_make_queues(struct recreation *c, bool may_exist, struct error *e) {
  c->queue = must_alloc((c->metadata->n_message_queue + 1) * sizeof *c->queue);
  for (; c->queues < c->metadata->n_message_queue; c->queues++) {
    struct recreated_queue *to = &c->queue[c->queues];
    *to = (struct recreated_queue){.from = c->metadata->message_queue[c->queues]};
    to->fd = make_queue(to, may_exist);
    if (to->fd < 0)
      return error_set_errno(e, to->fd, "cannot make the message queue %s again", to->from->name);
  }
  return 0;
}

void recreation_close_queues(struct recreation *c, bool failed) {
  for (size_t i = 0; i < c->queues; i++) {
    if (failed && c->queue[i].is_new)
      (void)message_queue_remove(c->queue[i].from->name);
    (void)close(c->queue[i].fd);
  }
  free(c->queue);
  c->queue = NULL;
  c->queues = 0;
}

static struct message_queue *describe(const message_queue *from) {
  struct message_queue *q = must_alloc(sizeof *q);
  *q = (struct message_queue){.name = must_strdup(from->name),
                              .is_deleted = from->deleted,
                              .has_content = true,
                              .attributes = attributes_of(from),
                              .item = must_alloc((from->n_message + 1) * sizeof *q->item)};
  for (; q->count < from->n_message; q->count++) {
    const Snapback__Image__QueuedMessage *m = from->message[q->count];
    struct queued_message *to = &q->item[q->count];
    *to = (struct queued_message){
        .priority = m->priority, .size = m->content.len, .bytes = must_alloc(m->content.len + 1)};
    memcpy(to->bytes, m->content.data, to->size);
  }
  return q;
}

int recreate_message_queue(const struct recreation *c, const Snapback__Image__OpenFile *from, struct descriptor *d) {
  const struct recreated_queue *q = &c->queue[from->message_queue - 1];
  char path[64];
  d->kind = &descriptor_mqueue;
  d->link = must_format("%s%s", q->from->name, q->from->deleted ? " (deleted)" : "");
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", q->fd);
  d->pin = open(path, O_PATH | O_CLOEXEC);
  if (d->pin < 0)
    return -errno;
  d->own = describe(q->from);
  return 0;
}
