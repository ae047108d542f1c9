// SPDX-License-Identifier: EPL-2.0
// The table of a session's sockets: collected by a capture, found again or made anew by a rewind.
#include "resource/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "kernel/calls.h"
#include "proc/status.h"
#include "resource/descriptors.h"
#include "resource/socket_inet.h"

static const struct socket_family *const families[] = {&socket_unix, &socket_inet, &socket_inet6, &socket_netlink};

// ---- the table ----

struct sockets *sockets_new(void) {
  struct sockets *all = must_alloc(sizeof *all);
  all->references = 1;
  return all;
}

struct sockets *sockets_retain(struct sockets *all) {
  if (all)
    all->references++;
  return all;
}

static void free_one(struct socket_state *s) {
  if (s->family && s->family->done)
    s->family->done(s);
  socket_queue_done(&s->queue);
  free(s->option);
  free(s->waiting);
  free(s);
}

void sockets_release(struct sockets *all) {
  if (!all || --all->references)
    return;
  sockets_let_go(all);
  for (size_t i = 0; i < all->count; i++)
    free_one(all->item[i]);
  free(all->item);
  free(all->stranger);
  free(all);
}

struct socket_state *sockets_add(struct sockets *all) {
  struct socket_state *s = must_alloc(sizeof *s);
  array_reserve(all->item, all->count, all->capacity);
  all->item[all->count++] = s;
  *s = (struct socket_state){.id = (uint32_t)all->count, .now = -1, .other_end = -1, .queue_is_same = -1};
  return s;
}

struct socket_state *sockets_find(const struct sockets *all, uint32_t id) {
  return all && id && id <= all->count ? all->item[id - 1] : NULL;
}

struct socket_state *sockets_find_inode(const struct sockets *all, ino_t inode) {
  for (size_t i = 0; all && inode && i < all->count; i++)
    if (all->item[i]->inode == inode)
      return all->item[i];
  return NULL;
}

void sockets_note(struct sockets *all, const char *format, ...) {
  size_t used = strlen(all->note);
  if (used && used + 3 < sizeof all->note)
    used += (size_t)snprintf(all->note + used, sizeof all->note - used, "; ");
  va_list list;
  va_start(list, format);
  (void)vsnprintf(all->note + used, sizeof all->note - used, format, list);
  va_end(list);
}

// ---- capture ----

const struct socket_family *sockets_family(int domain) {
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
    if (families[i]->domain == domain)
      return families[i];
  return NULL;
}

static int read_number(int fd, int name, int *ret) {
  socklen_t size = sizeof *ret;
  return getsockopt(fd, SOL_SOCKET, name, ret, &size) < 0 ? -errno : 0;
}

static int read_common(int fd, struct socket_state *s) {
  struct stat st;
  socklen_t size = sizeof s->cookie, credentials = sizeof s->peer_credentials;
  int listens = 0;
  if (fstat(fd, &st) < 0 || getsockopt(fd, SOL_SOCKET, SO_COOKIE, &s->cookie, &size) < 0)
    return -errno;
  s->inode = st.st_ino;
  s->flags = fcntl(fd, F_GETFL);
  int r = read_number(fd, SO_DOMAIN, &s->domain);
  if (r == 0)
    r = read_number(fd, SO_TYPE, &s->type);
  if (r == 0)
    r = read_number(fd, SO_PROTOCOL, &s->protocol);
  (void)read_number(fd, SO_ACCEPTCONN, &listens);
  s->listens = listens;
  (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &s->peer_credentials, &credentials);
  return r;
}

static void refuse(const struct socket_state *s, struct error *e) {
  char name[64];
  process_name(s->holder, name, sizeof name);
  (void)error_set(
      e, ERROR_REFUSED,
      "process %d (%s) has a socket of the address family %d, which snapshots cannot hold yet: close it, or "
      "take the snapshot before it is opened",
      s->holder, name, s->domain);
}

struct socket_state *sockets_add_living(struct sockets *all, int fd, pid_t holder, struct error *e) {
  struct stat st;
  if (fstat(fd, &st) == 0 && sockets_find_inode(all, st.st_ino))
    return sockets_find_inode(all, st.st_ino);
  struct socket_state *s = sockets_add(all);
  s->holder = holder;
  int r = read_common(fd, s);
  if (r < 0) {
    (void)error_set_errno(e, r, "cannot read a socket of process %d", holder);
    return NULL;
  }
  s->family = sockets_family(s->domain);
  if (!s->family) {
    refuse(s, e);
    return NULL;
  }
  r = socket_options_capture(fd, s);
  if (r < 0) {
    (void)error_set_errno(e, r, "cannot read the options of a socket of process %d", holder);
    return NULL;
  }
  return s->family->capture(all, s, fd, e) < 0 ? NULL : s;
}

// Its inode; 0: it is no socket.
static ino_t inode_of_socket(pid_t pid, int fd) {
  _cleanup_free_ char *link = NULL;
  if (descriptor_link(pid, fd, &link) < 0 || strncmp(link, "socket:[", 8) != 0)
    return 0;
  return strtoull(link + 8, NULL, 10);
}

enum { LAST_STANDARD = 2 };

// A standard descriptor of a family that we do not know belongs to the caller, and stays as it is.
static int capture_descriptor(struct sockets *all, pid_t pid, int pidfd, int number, struct error *e) {
  ino_t inode = inode_of_socket(pid, number);
  if (!inode)
    return 0;
  struct socket_state *s = sockets_find_inode(all, inode);
  if (!s) {
    _cleanup_fd_ int fd = kernel_pidfd_getfd(pidfd, number);
    int domain = 0;
    if (fd < 0)
      return error_set_errno(e, fd, "cannot read descriptor %d of process %d", number, pid);
    if (number <= LAST_STANDARD && read_number(fd, SO_DOMAIN, &domain) == 0 && !sockets_family(domain))
      return 0;
    s = sockets_add_living(all, fd, pid, e);
    if (!s)
      return -1;
  }
  s->holder = s->holder ? s->holder : pid;
  s->of_caller = s->of_caller || number <= LAST_STANDARD;
  return 0;
}

static int capture_process(struct sockets *all, pid_t pid, struct error *e) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  int r = pidfd < 0 ? pidfd : descriptor_list(pid, &list, &count);
  if (r < 0)
    return error_set_errno(e, r, "cannot list the descriptors of process %d", pid);
  for (size_t i = 0; i < count; i++)
    if (capture_descriptor(all, pid, pidfd, list[i], e) < 0)
      return -1;
  return 0;
}

static int survey(struct sockets *all, struct error *e) {
  for (size_t i = 0; i < all->count; i++)
    if (all->item[i]->family->survey(all, all->item[i], e) < 0)
      return -1;
  for (size_t i = 0; i < all->count; i++)
    all->item[i]->of_caller = all->item[i]->of_caller && all->item[i]->peer_kind == SOCKET_PEER_OUTSIDE;
  return 0;
}

int sockets_capture(const pid_t *pids, size_t count, struct sockets **ret, struct error *e) {
  struct sockets *all = sockets_new();
  int r = fault(FAULT_capture_sockets);
  if (r < 0)
    (void)error_set_errno(e, r, "cannot read the sockets of process %d", pids[0]);
  for (size_t i = 0; r == 0 && i < count; i++)
    r = capture_process(all, pids[i], e);
  if (r == 0)
    r = survey(all, e);
  if (r < 0) {
    sockets_release(all);
    return -1;
  }
  *ret = all;
  return 0;
}

// ---- rewind: what is still there ----

static bool is_it(int fd, const struct socket_state *s) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return s->cookie && getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 && cookie == s->cookie;
}

static void take_living(struct socket_state *s, int fd) {
  s->now = fd;
  s->is_kept = true;
}

static void add_stranger(struct sockets *all, pid_t pid, int fd, ino_t inode) {
  array_reserve(all->stranger, all->strangers, all->stranger_capacity);
  struct socket_stranger *s = &all->stranger[all->strangers++];
  *s = (struct socket_stranger){.inode = inode};
  (void)socket_read_name(fd, &s->name, false);
  s->path = socket_file_of(pid, fd, inode, &s->file);
}

static void forget_strangers(struct sockets *all) {
  for (size_t i = 0; i < all->strangers; i++)
    free(all->stranger[i].path);
  all->strangers = 0;
}

// A name without its socket would be in the way of the program, which has not given it yet.
static void unlink_strangers(const struct sockets *all) {
  struct stat st;
  for (size_t i = 0; i < all->strangers; i++) {
    const struct socket_stranger *s = &all->stranger[i];
    if (s->path && lstat(s->path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == s->file)
      (void)unlink(s->path);
  }
}

bool sockets_is_of_session(const struct sockets *all, ino_t inode) {
  for (size_t i = 0; i < all->strangers; i++)
    if (all->stranger[i].inode == inode)
      return true;
  return sockets_find_inode(all, inode);
}

static void find_in_process(struct sockets *all, pid_t pid) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  if (pidfd < 0 || descriptor_list(pid, &list, &count) < 0)
    return;
  for (size_t i = 0; i < count; i++) {
    ino_t inode = inode_of_socket(pid, list[i]);
    struct socket_state *s = sockets_find_inode(all, inode);
    if (!inode || (s && s->now >= 0) || (!s && sockets_is_of_session(all, inode)))
      continue;
    _cleanup_fd_ int fd = kernel_pidfd_getfd(pidfd, list[i]);
    if (fd >= 0 && !s) {
      add_stranger(all, pid, fd, inode);
      inet_drop_later(all, fd_take(&fd));
    } else if (fd >= 0 && is_it(fd, s))
      take_living(s, fd_take(&fd));
  }
}

static bool take_from_queue(struct sockets *all, const struct socket_queue *q) {
  bool found = false;
  for (size_t i = 0; i < q->count; i++)
    for (size_t k = 0; k < q->message[i].files; k++) {
      struct descriptor *d = &q->message[i].file[k];
      struct socket_state *s = sockets_find_inode(all, d->stat.st_ino);
      if (!s || s->now >= 0 || d->lent < 0 || !is_it(d->lent, s))
        continue;
      take_living(s, fd_take(&d->lent));
      found = true;
    }
  return found;
}

// What no process has may be in flight, in the queue of another one.
static bool find_in_flight(struct sockets *all) {
  bool found = false, is_missing = false;
  for (size_t i = 0; i < all->count; i++)
    is_missing = is_missing || all->item[i]->now < 0;
  for (size_t i = 0; is_missing && i < all->count; i++) {
    struct socket_queue q = {0};
    const struct socket_state *s = all->item[i];
    if (s->domain != AF_UNIX || s->now < 0 || s->listens)
      continue;
    if (socket_queue_peek(s->now, NULL, s, &q, NULL) == 0)
      found = take_from_queue(all, &q) || found;
    socket_queue_done(&q);
  }
  return found;
}

static void leave(struct socket_state *s) {
  cleanup_fd(&s->now);
  cleanup_fd(&s->other_end);
  s->now = s->other_end = s->queue_is_same = -1;
  s->is_kept = false;
}

// One that is made anew may take others with it.
static void decide(struct sockets *all) {
  for (bool again = true; again;) {
    again = false;
    for (size_t i = 0; i < all->count; i++) {
      struct socket_state *s = all->item[i];
      if (!s->is_kept || s->of_caller || s->family->is_kept(all, s))
        continue;
      s->is_kept = false;
      again = true;
    }
  }
  for (size_t i = 0; i < all->count; i++)
    if (!all->item[i]->is_kept) {
      all->item[i]->has_lived = all->item[i]->now >= 0;
      if (all->item[i]->has_lived)
        inet_drop_later(all, fd_take(&all->item[i]->now));
      leave(all->item[i]);
    }
}

static int make_missing(struct sockets *all, struct error *e) {
  for (size_t i = 0; i < all->count; i++) {
    struct socket_state *s = all->item[i];
    if (s->now < 0 && !s->of_caller && s->family->make(all, s, e) < 0)
      return -1;
  }
  return 0;
}

// What a rewind that failed half-way has kept is still there, though its process may have ended.
int sockets_plan(struct sockets *all, const pid_t *pids, size_t count, struct error *e) {
  if (!all)
    return 0;
  all->note[0] = 0;
  forget_strangers(all);
  inet_drop_done(all);
  for (size_t i = 0; i < all->count; i++) {
    all->item[i]->has_lived = false;
    if (all->item[i]->is_kept)
      all->item[i]->queue_is_same = -1;
    else
      leave(all->item[i]);
  }
  for (size_t i = 0; i < count; i++)
    find_in_process(all, pids[i]);
  while (find_in_flight(all)) {
  }
  decide(all);
  int r = all->count ? fault(FAULT_rewind_sockets) : 0;
  if (r < 0)
    (void)error_set_errno(e, r, "cannot make the sockets of the program again");
  else
    r = make_missing(all, e);
  if (r < 0)
    sockets_let_go(all);
  return r;
}

// ---- rewind: the rest ----

typedef int (*const socket_step)(struct sockets *all, struct socket_state *s, struct error *e);

static int take_step(struct sockets *all, size_t offset, struct error *e) {
  for (size_t i = 0; i < all->count; i++) {
    struct socket_state *s = all->item[i];
    socket_step step = *(socket_step *)((const char *)s->family + offset);
    if (step && s->now >= 0 && !s->of_caller && step(all, s, e) < 0)
      return -1;
  }
  return 0;
}

static int set_options(struct sockets *all, struct error *e) {
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *s = all->item[i];
    int r = s->now >= 0 && !s->of_caller ? socket_options_set(s->now, s) : 0;
    if (r < 0)
      return error_set_errno(e, r, "cannot put back the options of a socket of process %d", s->holder);
  }
  return 0;
}

void sockets_begin(struct sockets *all) {
  if (all)
    inet_drop_begin(all);
}

int sockets_put_back(struct sockets *all, struct error *e) {
  static const size_t steps[] = {offsetof(struct socket_family, bind), offsetof(struct socket_family, connect),
                                 offsetof(struct socket_family, fill), offsetof(struct socket_family, finish)};
  if (!all)
    return 0;
  int r = all->count ? fault(FAULT_rewind_queues) : 0;
  if (r < 0)
    return error_set_errno(e, r, "cannot put back what was in the sockets of the program");
  unlink_strangers(all);
  inet_drop_done(all);
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    if (take_step(all, steps[i], e) < 0)
      return -1;
  return set_options(all, e);
}

void sockets_let_go(struct sockets *all) {
  for (size_t i = 0; all && i < all->count; i++)
    leave(all->item[i]);
  if (!all)
    return;
  forget_strangers(all);
  inet_drop_done(all);
}
