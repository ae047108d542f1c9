// SPDX-License-Identifier: EPL-2.0
// POSIX message queues (mq_overview(7)): what a snapshot knows of one.
#pragma once

#include <mqueue.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct queued_message {
  unsigned priority;
  size_t size;
  char *bytes;
};

// `own` of a descriptor.
struct message_queue {
  char *name;  // "/jobs"
  bool is_deleted;
  bool has_content;  // false: another descriptor of the process has described it
  struct mq_attr attributes;
  struct queued_message *item;  // in the order in which they are received
  size_t count;
};

// Makes a queue, which must not be there, or opens the one that is. A descriptor, or -errno.
int message_queue_make(const char *name, mode_t mode, const struct mq_attr *attributes, bool may_exist);
int message_queue_remove(const char *name);
bool message_queue_exists(const char *name);
void message_queue_free(struct message_queue *q);
