// SPDX-License-Identifier: EPL-2.0
// POSIX message queues with their messages.
//
// A queue is a file without contents: its messages are taken out and put in again, while everybody is held. A snapshot
// keeps the queue by its pin, also when it has no name any more. One that has lost its name since is made anew.
#include "resource/mqueue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/scope.h"
#include "resource/describe.h"

enum { MQUEUE_MAGIC = 0x19800202, PERMISSIONS = 07777 };

static bool is_queue(const struct descriptor *d) {
  char path[64];
  struct statfs system;
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)d->owner, d->fd);
  return statfs(path, &system) == 0 && system.f_type == MQUEUE_MAGIC;
}

// A queue's name has no other slash.
static bool mqueue_matches(const struct descriptor *d) {
  return S_ISREG(d->stat.st_mode) && d->link[0] == '/' && !strchr(d->link + 1, '/') && !(d->info.flags & O_PATH) &&
         is_queue(d);
}

// ---- the queues themselves ----

// The kernel wants the name without its slash.
static int open_queue(const char *name, int flags, mode_t mode, const struct mq_attr *attributes) {
  int fd = (int)syscall(SYS_mq_open, name + 1, flags | O_CLOEXEC, mode, attributes);
  return fd < 0 ? -errno : fd;
}

int message_queue_make(const char *name, mode_t mode, const struct mq_attr *attributes, bool may_exist) {
  int fd = open_queue(name, O_RDWR | O_NONBLOCK | O_CREAT | (may_exist ? 0 : O_EXCL), mode & PERMISSIONS, attributes);
  if (fd >= 0)
    (void)fchmod(fd, mode & PERMISSIONS);  // whatever the umask
  return fd;
}

int message_queue_remove(const char *name) { return syscall(SYS_mq_unlink, name + 1) < 0 ? -errno : 0; }

bool message_queue_exists(const char *name) {
  _cleanup_fd_ int fd = open_queue(name, O_RDONLY, 0, NULL);
  return fd >= 0 || fd == -EACCES;
}

static struct mq_attr attributes_of(int fd) {
  struct mq_attr a = {0};
  (void)syscall(SYS_mq_getsetattr, fd, NULL, &a);
  return a;
}

static void free_messages(struct message_queue *q) {
  for (size_t i = 0; i < q->count; i++)
    free(q->item[i].bytes);
  free(q->item);
  q->item = NULL;
  q->count = 0;
}

static int take_out(int fd, struct message_queue *q) {
  size_t most = (size_t)q->attributes.mq_msgsize, room = (size_t)q->attributes.mq_maxmsg;
  q->item = must_alloc((room + 1) * sizeof *q->item);
  while (q->count <= room) {
    struct queued_message *m = &q->item[q->count];
    m->bytes = must_alloc(most + 1);
    long n = syscall(SYS_mq_timedreceive, fd, m->bytes, most, &m->priority, NULL);
    if (n < 0) {
      free(m->bytes);
      return errno == EAGAIN ? 0 : -errno;
    }
    m->size = (size_t)n;
    m->bytes = must_realloc(m->bytes, m->size + 1, 1);
    q->count++;
  }
  return 0;
}

static int put_in(int fd, const struct message_queue *q) {
  for (size_t i = 0; i < q->count; i++)
    if (syscall(SYS_mq_timedsend, fd, q->item[i].bytes, q->item[i].size, q->item[i].priority, NULL) < 0)
      return -errno;
  return 0;
}

// ---- capture ----

// Whoever asked to be told of the next message in an empty queue (mq_notify(3)) would be told of those put in again.
static bool has_listener(int fd) {
  char text[128] = "";
  int notify = 0, number = 0, pid = 0;
  if (pread(fd, text, sizeof text - 1, 0) <= 0)
    return false;
  (void)sscanf(text, "QSIZE:%*u NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &notify, &number, &pid);
  return pid != 0;
}

static bool is_first(const struct descriptors *all, const struct descriptor *d) {
  for (const struct descriptor *other = all->item; other < d; other++)
    if (other->kind == d->kind && other->stat.st_ino == d->stat.st_ino && other->leader == (int)(other - all->item))
      return false;
  return true;
}

static int copy_messages(int fd, struct message_queue *q) {
  int r = take_out(fd, q), back = put_in(fd, q);
  return r < 0 ? r : back;
}

static int mqueue_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  struct message_queue *q = d->own = must_alloc(sizeof *q);
  size_t length = strlen(d->link);
  q->is_deleted = link_is_deleted(d->link);
  q->name = must_format("%.*s", (int)(length - (q->is_deleted ? strlen(" (deleted)") : 0)), d->link);
  q->has_content = is_first(all, d);
  // Others, who are not held, would miss the messages for a moment; for ever, should we be killed just then.
  if (scope_is_limited())
    return error_set(
        e, ERROR_REFUSED,
        "descriptor %d of process %d is the message queue %s, which processes outside of the session may use, "
        "too: close it first, or run the program by 'snapback launch'",
        d->fd, pid, q->name);
  _cleanup_fd_ int fd = pin_open(d->pin, O_RDWR | O_NONBLOCK);
  if (fd >= 0 && has_listener(fd))
    return error_set(e, ERROR_REFUSED,
                     "a process waits to be told of messages in the queue %s (mq_notify, descriptor %d of process %d), "
                     "which snapshots cannot hold yet: let it receive a message first, or take the wish back",
                     q->name, d->fd, pid);
  q->attributes = fd < 0 ? q->attributes : attributes_of(fd);
  int r = fd < 0 ? fd : q->has_content ? copy_messages(fd, q) : 0;
  return r < 0 ? error_set_errno(e, r, "cannot read the message queue %s (descriptor %d of process %d)", q->name, d->fd,
                                 pid)
               : 0;
}

void message_queue_free(struct message_queue *q) {
  free_messages(q);
  free(q->name);
  free(q);
}

static void mqueue_done(struct descriptor *d) {
  message_queue_free(d->own);
  d->own = NULL;
}

// ---- the way back ----

static bool mqueue_same(const struct descriptor *then, const struct descriptor *now) {
  return then->stat.st_ino == now->stat.st_ino && then->stat.st_dev == now->stat.st_dev &&
         strcmp(then->link, now->link) == 0;
}

// The one that has the name now is as good, if it holds as much.
static int open_named(const struct message_queue *q, mode_t mode, int flags) {
  _cleanup_fd_ int now = open_queue(q->name, O_RDONLY, 0, NULL);
  if (now >= 0) {
    struct mq_attr a = attributes_of(now);
    if (a.mq_maxmsg == q->attributes.mq_maxmsg && a.mq_msgsize == q->attributes.mq_msgsize)
      return open_queue(q->name, flags, 0, NULL);
    (void)message_queue_remove(q->name);
  }
  _cleanup_fd_ int fresh = message_queue_make(q->name, mode, &q->attributes, false);
  return fresh < 0 ? fresh : open_queue(q->name, flags, 0, NULL);
}

static int mqueue_reopen(const struct descriptor *d) {
  const struct message_queue *q = d->own;
  int flags = d->info.flags & (O_ACCMODE | O_NONBLOCK);
  return q->is_deleted ? pin_open(d->pin, flags) : open_named(q, d->stat.st_mode, flags);
}

static int refill(int fd, const struct message_queue *q) {
  struct message_queue now = {.attributes = q->attributes};
  int r = take_out(fd, &now);
  free_messages(&now);
  return r < 0 ? r : put_in(fd, q);
}

// Through the descriptor itself, which may be of a queue that has been made since.
static int mqueue_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  const struct message_queue *q = d->own;
  if (!q->has_content)
    return 0;
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)executor_pid(x), d->fd);
  _cleanup_fd_ int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  int r = fd < 0 ? -errno : refill(fd, q);
  return r < 0 ? error_set_errno(e, r, "cannot put the messages of the queue %s back (descriptor %d of process %d)",
                                 q->name, d->fd, executor_pid(x))
               : 0;
}

const struct descriptor_kind descriptor_mqueue = {
    .name = "message queue",
    .matches = mqueue_matches,
    .capture = mqueue_capture,
    .same = mqueue_same,
    .reopen = mqueue_reopen,
    .restore = mqueue_restore,
    .done = mqueue_done,
};
