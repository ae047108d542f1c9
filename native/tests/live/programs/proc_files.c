// SPDX-License-Identifier: EPL-2.0
// Open files of /proc, of the program itself and of children that come and go, and the devices without a state.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct { int status, memory, limit, position; } own;  // -1: closed
static struct {
  pid_t pid;   // 0: there is none
  int status;  // -1: closed
  bool ended;
} child;
static struct {
  const char *path;
  int fd;
} devices[] = {{"/dev/null", -1}, {"/dev/zero", -1}, {"/dev/full", -1}, {"/dev/random", -1}, {"/dev/urandom", -1}};
static volatile uint64_t word;

enum { DEVICES = sizeof devices / sizeof *devices };

static int open_of(pid_t pid, const char *name, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  int fd = open(path, flags | O_CLOEXEC);
  CHECK(fd >= 0);
  return fd;
}

static void toggle(int *fd, const char *name, int flags) {
  if (*fd < 0) {
    *fd = open_of(getpid(), name, flags);
    return;
  }
  CHECK(close(*fd) == 0);
  *fd = -1;
}

static void change_own(void) {
  unsigned what = live_random(4);
  if (what == 0)
    toggle(&own.status, "status", O_RDONLY);
  else if (what == 1)
    toggle(&own.memory, "mem", O_RDWR);
  else if (what == 2)
    toggle(&own.limit, "limits", O_RDONLY);
  else if (own.limit >= 0)
    CHECK(lseek(own.limit, own.position = (int)live_random(100), SEEK_SET) >= 0);
  if (own.limit < 0)
    own.position = 0;
}

static void start(void) {
  child.pid = fork();
  CHECK(child.pid >= 0);
  if (child.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      pause();
  }
  child.status = open_of(child.pid, "status", O_RDONLY);
}

static void change_child(void) {
  if (live_random(3))
    return;
  if (!child.pid) {
    start();
  } else if (!child.ended) {
    CHECK(kill(child.pid, SIGKILL) == 0 && waitpid(child.pid, NULL, 0) == child.pid);
    child.ended = true;
  } else {
    CHECK(close(child.status) == 0);
    child.pid = 0;
    child.ended = false;
  }
}

static void change_device(void) {
  unsigned i = live_random(DEVICES);
  if (devices[i].fd >= 0) {
    CHECK(close(devices[i].fd) == 0);
    devices[i].fd = -1;
    return;
  }
  CHECK((devices[i].fd = open(devices[i].path, O_RDWR | O_CLOEXEC)) >= 0 ||
        (devices[i].fd = open(devices[i].path, O_RDONLY | O_CLOEXEC)) >= 0);
}

static void check_status(int fd, pid_t pid) {
  char text[4096] = "", wanted[32];
  snprintf(wanted, sizeof wanted, "\nPid:\t%d\n", (int)pid);
  CHECK(pread(fd, text, sizeof text - 1, 0) > 0 && strstr(text, wanted));
}

static void check_own(void) {
  uint64_t got = 0;
  if (own.status >= 0)
    check_status(own.status, getpid());
  if (own.limit >= 0)
    CHECK(lseek(own.limit, 0, SEEK_CUR) == own.position);
  if (own.memory < 0)
    return;
  word = live_stamp(1, live_ticks());
  CHECK(pread(own.memory, &got, sizeof got, (off_t)(uintptr_t)&word) == sizeof got && got == word);
}

static void check_child(void) {
  char byte;
  if (!child.pid)
    return;
  if (child.ended)
    CHECK(pread(child.status, &byte, 1, 0) < 0 && errno == ESRCH);
  else
    check_status(child.status, child.pid);
}

static void check_devices(void) {
  uint64_t got = 1;
  if (devices[0].fd >= 0)
    CHECK(read(devices[0].fd, &got, sizeof got) == 0 && write(devices[0].fd, &got, sizeof got) == sizeof got);
  if (devices[1].fd >= 0)
    CHECK(read(devices[1].fd, &got, sizeof got) == sizeof got && got == 0);
  if (devices[2].fd >= 0)
    CHECK(write(devices[2].fd, &got, sizeof got) < 0 && errno == ENOSPC);
  for (unsigned i = 3; i < DEVICES; i++)
    if (devices[i].fd >= 0)
      CHECK(read(devices[i].fd, &got, sizeof got) == sizeof got);
}

int main(void) {
  live_begin();
  own.status = own.memory = own.limit = -1;
  do {
    change_own();
    change_child();
    change_device();
    check_own();
    check_child();
    check_devices();
  } while (live_tick());
  if (child.pid && !child.ended)
    CHECK(kill(child.pid, SIGKILL) == 0 && waitpid(child.pid, NULL, 0) == child.pid);
  live_pass();
}
