// SPDX-License-Identifier: EPL-2.0
// pidfds against a model: of the program itself, of children that live, have ended, or have been waited for.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { SLOTS = 3 };
enum phase { NONE, LIVES, ENDED, REAPED };

static struct slot {
  enum phase phase;
  pid_t pid;
  int fd, copy;  // -1: closed
} slots[SLOTS];
static int own, set;

static int open_pidfd(pid_t pid) {
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  CHECK(fd >= 0);
  return fd;
}

static void watch(const struct slot *s) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = s->fd};
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, s->fd, &event) == 0);
}

static void start(struct slot *s) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)syscall(SYS_close_range, 3, ~0U, 0);  // a pidfd that is open here is watched on there
    for (;;)
      pause();
  }
  *s = (struct slot){.phase = LIVES, .pid = child, .fd = open_pidfd(child), .copy = -1};
  watch(s);
}

// Not left to close(2): a child that has just been started still has it open.
static void close_both(struct slot *s) {
  CHECK(epoll_ctl(set, EPOLL_CTL_DEL, s->fd, NULL) == 0);
  CHECK(close(s->fd) == 0 && (s->copy < 0 || close(s->copy) == 0));
  s->fd = s->copy = -1;
}

static void open_again(struct slot *s) {
  if (s->fd >= 0) {
    close_both(s);
  } else {
    s->fd = open_pidfd(s->pid);
    watch(s);
  }
}

static void copy(struct slot *s) {
  if (s->fd >= 0 && s->copy < 0)
    CHECK((s->copy = dup(s->fd)) >= 0);
}

static void end(struct slot *s) {
  siginfo_t info;
  if (s->fd >= 0)
    CHECK(syscall(SYS_pidfd_send_signal, s->fd, SIGKILL, NULL, 0) == 0);
  else
    CHECK(kill(s->pid, SIGKILL) == 0);
  CHECK(waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOWAIT) == 0);
  s->phase = ENDED;
}

static void reap(struct slot *s) {
  siginfo_t info;
  if (s->fd >= 0)
    CHECK(waitid(P_PIDFD, (id_t)s->fd, &info, WEXITED) == 0 && info.si_pid == s->pid);
  else
    CHECK(waitid(P_PID, (id_t)s->pid, &info, WEXITED) == 0);
  CHECK(info.si_code == CLD_KILLED && info.si_status == SIGKILL);
  s->phase = s->fd >= 0 ? REAPED : NONE;
}

static void forget(struct slot *s) {
  close_both(s);
  *s = (struct slot){.fd = -1, .copy = -1};
}

static void change(struct slot *s) {
  unsigned what = live_random(6);
  if (s->phase == NONE)
    start(s);
  else if (what < 2 && s->phase != REAPED)
    open_again(s);
  else if (what == 2)
    copy(s);
  else if (s->phase == LIVES)
    end(s);
  else if (s->phase == ENDED)
    reap(s);
  else
    forget(s);
}

static int process_of(int fd) {
  char path[64], text[1000] = "";
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0 && close(file) == 0);
  const char *at = strstr(text, "\nPid:");
  CHECK(at);
  return atoi(at + 5);
}

static void check_one(const struct slot *s, int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  CHECK(poll(&p, 1, 0) == (s->phase != LIVES));
  CHECK(process_of(fd) == (s->phase == REAPED ? -1 : s->pid));
  int result = (int)syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0);
  CHECK(s->phase == REAPED ? result < 0 && errno == ESRCH : result == 0);
}

static void check(void) {
  struct epoll_event got[SLOTS + 1];
  int ready = 0, told = epoll_wait(set, got, SLOTS + 1, 0);
  for (unsigned i = 0; i < SLOTS; i++) {
    const struct slot *s = &slots[i];
    if (s->phase == NONE || s->fd < 0)
      continue;
    ready += s->phase != LIVES;
    check_one(s, s->fd);
    if (s->copy >= 0)
      check_one(s, s->copy);
  }
  CHECK(told == ready);
  CHECK(process_of(own) == getpid());
}

int main(void) {
  live_begin();
  own = open_pidfd(getpid());
  set = epoll_create1(EPOLL_CLOEXEC);
  for (unsigned i = 0; i < SLOTS; i++)
    slots[i] = (struct slot){.fd = -1, .copy = -1};
  do {
    change(&slots[live_random(SLOTS)]);
    check();
  } while (live_tick());
  for (unsigned i = 0; i < SLOTS; i++) {
    if (slots[i].phase == LIVES)
      end(&slots[i]);
    if (slots[i].phase == ENDED)
      reap(&slots[i]);
  }
  live_pass();
}
