// SPDX-License-Identifier: EPL-2.0
// Placing an open file of the supervisor in the descriptor table of a traced process.
#include "resource/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "kernel/calls.h"

struct delivery {
  struct executor *x;
  int here;   // our end
  int there;  // the number of the process's end
};

static bool is_taken(const struct descriptors *taken, int number) {
  for (size_t i = 0; taken && i < taken->count; i++)
    if (taken->item[i].fd == number)
      return true;
  return false;
}

// Moves `number` up, out of the way of the numbers that are to be restored. The new number, or -errno.
static int64_t move_away(struct executor *x, int number, const struct descriptors *taken, struct error *e) {
  if (!is_taken(taken, number))
    return number;
  int free_one = number + 1;
  while (is_taken(taken, free_one))
    free_one++;
  int64_t moved = executor_call(x, e, SYS_fcntl, (uint64_t)number, F_DUPFD_CLOEXEC, (uint64_t)free_one, 0, 0, 0);
  if (moved >= 0)
    (void)executor_call(x, e, SYS_close, (uint64_t)number, 0, 0, 0, 0, 0);
  return moved < 0 || !is_taken(taken, (int)moved) ? moved : move_away(x, (int)moved, taken, e);
}

static int make_pair(struct executor *x, int pair[2], struct error *e) {
  struct batch *b = batch_new();
  size_t at = batch_data(b, NULL, 2 * sizeof(int));
  (void)CALL(b, SYS_socketpair, NUMBER(AF_UNIX), NUMBER(SOCK_STREAM | SOCK_CLOEXEC), NUMBER(0), POINTER(at));
  int r = executor_run(x, b, e);
  if (r == 0 && batch_result(b, 0) < 0)
    r = error_set_errno(e, (int)batch_result(b, 0), "cannot make a socket pair in process %d", executor_pid(x));
  memcpy(pair, batch_at(b, at), 2 * sizeof(int));
  batch_free(b);
  return r;
}

int delivery_open(struct executor *x, const struct descriptors *taken, struct delivery **ret, struct error *e) {
  int pair[2];
  if (make_pair(x, pair, e) < 0)
    return -1;
  _cleanup_fd_ int pidfd = kernel_pidfd_open(executor_pid(x));
  int here = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, pair[1]);
  (void)executor_call(x, e, SYS_close, (uint64_t)pair[1], 0, 0, 0, 0, 0);
  int64_t there = move_away(x, pair[0], taken, e);
  if (here < 0 || there < 0) {
    if (here >= 0)
      (void)close(here);
    return error_set_errno(e, here < 0 ? here : (int)there, "cannot reach the descriptors of process %d",
                           executor_pid(x));
  }
  *ret = must_alloc(sizeof **ret);
  **ret = (struct delivery){.x = x, .here = here, .there = (int)there};
  return 0;
}

static int send_one(int socket, int fd) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct iovec v = {.iov_base = &(char){0}, .iov_len = 1};
  struct msghdr message = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

// Lets the process receive it. The number that it got, or -errno.
static int64_t receive_there(struct delivery *d, struct error *e) {
  struct batch *b = batch_new();
  char control[CMSG_SPACE(sizeof(int))] = {0};
  size_t byte = batch_data(b, NULL, 1), v = batch_data(b, &(struct iovec){.iov_len = 1}, sizeof(struct iovec));
  size_t space = batch_data(b, control, sizeof control);
  struct msghdr message = {.msg_iovlen = 1, .msg_controllen = sizeof control};
  size_t at = batch_data(b, &message, sizeof message);
  batch_pointer(b, v + offsetof(struct iovec, iov_base), byte);
  batch_pointer(b, at + offsetof(struct msghdr, msg_iov), v);
  batch_pointer(b, at + offsetof(struct msghdr, msg_control), space);
  (void)CALL(b, SYS_recvmsg, NUMBER(d->there), POINTER(at), NUMBER(MSG_CMSG_CLOEXEC));
  int64_t r = executor_run(d->x, b, e) < 0 ? -EIO : batch_result(b, 0);
  int number = -EBADMSG;
  if (r == 1)
    memcpy(&number, (char *)batch_at(b, space) + CMSG_LEN(0), sizeof number);
  batch_free(b);
  return r == 1 ? number : r < 0 ? r : -EBADMSG;
}

int delivery_send(struct delivery *d, int fd, int number, int cloexec, struct error *e) {
  int64_t r = send_one(d->here, fd);
  if (r == 0)
    r = receive_there(d, e);
  if (r < 0)
    return error_set_errno(e, (int)r, "cannot place descriptor %d in process %d", number, executor_pid(d->x));
  int received = (int)r;
  if (number < 0)
    return received;
  if (received == number) {
    r = executor_call(d->x, e, SYS_fcntl, (uint64_t)number, F_SETFD, cloexec ? FD_CLOEXEC : 0, 0, 0, 0);
  } else {
    r = executor_call(d->x, e, SYS_dup3, (uint64_t)received, (uint64_t)number, cloexec ? O_CLOEXEC : 0, 0, 0, 0);
    (void)executor_call(d->x, e, SYS_close, (uint64_t)received, 0, 0, 0, 0, 0);
  }
  return r < 0 ? error_set_errno(e, (int)r, "cannot place descriptor %d in process %d", number, executor_pid(d->x))
               : number;
}

int delivery_close(struct delivery *d, struct error *e) {
  if (!d)
    return 0;
  int64_t r = executor_call(d->x, e, SYS_close, (uint64_t)d->there, 0, 0, 0, 0, 0);
  (void)close(d->here);
  free(d);
  return r < 0 ? error_set_errno(e, (int)r, "cannot close our descriptor in the process") : 0;
}
