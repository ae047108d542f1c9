// SPDX-License-Identifier: EPL-2.0
// Processes that have lost their parent, with children of their own, come and go: a rewind brings those back that have
// ended since.
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ORPHANS = 4, ROLES = 2 };

// An orphan, and the child that it has.
struct role {
  volatile pid_t pid;
  volatile uint64_t count;
  volatile bool quits;
};

static struct role (*common)[ROLES];
static bool is_there[ORPHANS];

static void nap(long ns) { (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL); }

static void check_parent(pid_t parent) {
  enum { MOMENTS = 1000 };
  if (getppid() == parent)
    return;
  for (int i = 0; i < MOMENTS && kill(parent, 0) == 0; i++)
    nap(1000000);
  while (kill(parent, 0) < 0)
    pause();
  CHECK(getppid() == parent);
}

static void count(struct role *me, pid_t parent) {
  static volatile uint64_t mine;
  me->pid = getpid();
  mine = me->count;
  while (!me->quits) {
    check_parent(parent);
    CHECK(me->count == mine);
    me->count = ++mine;
    nap(400000);
  }
}

static void be_orphan(struct role *role) {
  pid_t own = getpid(), child = fork();
  int status;
  CHECK(child >= 0);
  if (child == 0) {
    count(&role[1], own);
    _exit(3);
  }
  count(&role[0], 1);
  role[1].quits = true;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3);
  _exit(0);
}

static void start(unsigned i) {
  int status;
  struct role *role = common[i];
  role[0] = role[1] = (struct role){.count = live_random(1000)};
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    pid_t orphan = fork();
    CHECK(orphan >= 0);
    if (orphan)
      _exit(0);
    while (getppid() != 1)
      nap(50000);
    be_orphan(role);
  }
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  while (!role[0].pid || !role[1].pid)
    nap(50000);
  is_there[i] = true;
}

static void end(unsigned i) {
  common[i][0].quits = true;
  while (kill(common[i][0].pid, 0) == 0)
    nap(50000);
  CHECK(errno == ESRCH);
  is_there[i] = false;
}

static void check(unsigned i) {
  for (int k = 0; is_there[i] && k < ROLES; k++)
    CHECK(kill(common[i][k].pid, 0) == 0 && getsid(common[i][k].pid) == getsid(0) &&
          getpgid(common[i][k].pid) == getpgrp());
}

int main(void) {
  live_begin();
  common = mmap(NULL, ORPHANS * sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(common != MAP_FAILED);
  do {
    unsigned i = live_random(ORPHANS);
    if (live_random(6) == 0)
      (is_there[i] ? end : start)(i);
    for (i = 0; i < ORPHANS; i++)
      check(i);
  } while (live_tick());
  for (unsigned i = 0; i < ORPHANS; i++)
    if (is_there[i])
      end(i);
  live_pass();
}
