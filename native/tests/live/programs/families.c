// SPDX-License-Identifier: EPL-2.0
// A parent with workers that come and go: running, stopped, ended and not waited for. Each has memory of its own and
// memory that all share; both must be of the same instant.
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 5, PAGE = 4096, PAGES = 64, WORDS = PAGE / 8, FIRST_STATUS = 20 };
enum state { NONE, RUNNING, STOPPED, ENDED };
enum place { WITH_PARENT, OWN_GROUP, OWN_SESSION, PLACES };

struct common {
  volatile uint64_t count[WORKERS];
  volatile bool quits[WORKERS];
};

static struct common *common;
static unsigned changes, signals;  // of children; that told of some
static volatile uint64_t *memory;
static struct worker {
  enum state state;
  enum place place;
  pid_t pid;
  uint64_t count_when_stopped;
} workers[WORKERS];

static void nap(long ns) { (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL); }

// All of the session is being killed, the parent first: that is not for the journal.
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

static void work(unsigned me, pid_t parent) {
  uint64_t mine = common->count[me];
  while (!common->quits[me]) {
    check_parent(parent);
    CHECK(common->count[me] == mine);
    unsigned page = (unsigned)(mine % PAGES);
    memory[page * WORDS] = live_stamp(me, (uint32_t)mine);
    CHECK(memory[page * WORDS] == live_stamp(me, (uint32_t)mine));
    mine++;
    common->count[me] = mine;
    nap(300000);
    CHECK(memory[page * WORDS] == live_stamp(me, (uint32_t)mine - 1));
  }
  _exit(FIRST_STATUS + (int)me);
}

// A signal for several changes at most, and none for nothing. It is blocked.
static void take_signals(void) {
  static const struct timespec at_once;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  while (sigtimedwait(&set, NULL, &at_once) == SIGCHLD)
    signals++;
  CHECK(signals <= changes);
}

static void start(unsigned i) {
  struct worker *w = &workers[i];
  pid_t parent = getpid();
  common->quits[i] = false;
  common->count[i] = live_random(1000);
  w->place = (enum place)live_random(PLACES);
  w->pid = fork();
  CHECK(w->pid >= 0);
  if (w->pid == 0) {
    if (w->place == OWN_SESSION)
      CHECK(setsid() == getpid());
    work(i, parent);
  }
  if (w->place == OWN_GROUP)
    CHECK(setpgid(w->pid, w->pid) == 0);
  w->state = RUNNING;
}

static void stop(struct worker *w) {
  int status;
  changes++;
  CHECK(kill(w->pid, SIGSTOP) == 0);
  CHECK(waitpid(w->pid, &status, WUNTRACED) == w->pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  w->count_when_stopped = common->count[w - workers];
  w->state = STOPPED;
}

static void end(unsigned i) {
  siginfo_t info;
  changes++;
  common->quits[i] = true;
  while (waitid(P_PID, (id_t)workers[i].pid, &info, WEXITED | WNOWAIT) < 0)
    CHECK(errno == EINTR);
  workers[i].state = ENDED;
}

static void reap(unsigned i) {
  int status;
  CHECK(waitpid(workers[i].pid, &status, 0) == workers[i].pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == FIRST_STATUS + (int)i);
  CHECK(kill(workers[i].pid, 0) < 0 && errno == ESRCH);
  workers[i].state = NONE;
}

static void change(unsigned i) {
  struct worker *w = &workers[i];
  take_signals();
  switch (w->state) {
  case NONE:
    start(i);
    break;
  case RUNNING:
    if (live_random(2))
      stop(w);
    else
      end(i);
    break;
  case STOPPED:
    changes++;
    CHECK(kill(w->pid, SIGCONT) == 0);
    w->state = RUNNING;
    break;
  case ENDED:
    reap(i);
  }
}

static void check(unsigned i) {
  const struct worker *w = &workers[i];
  if (w->state == NONE)
    return;
  CHECK(kill(w->pid, 0) == 0);
  if (w->state == STOPPED)
    CHECK(common->count[i] == w->count_when_stopped);
  if (w->state == ENDED)
    return;
  if (w->place == OWN_SESSION)  // or not yet: it goes there by itself
    return;
  CHECK(getpgid(w->pid) == (w->place == WITH_PARENT ? getpgrp() : w->pid));
  CHECK(getsid(w->pid) == getsid(0));
}

int main(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
  live_begin();
  common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(common != MAP_FAILED && memory != MAP_FAILED);
  do {
    if (live_random(4) == 0)
      change(live_random(WORKERS));
    for (unsigned i = 0; i < WORKERS; i++)
      check(i);
    take_signals();
    nap(200000);
  } while (live_tick());
  for (unsigned i = 0; i < WORKERS; i++) {
    if (workers[i].state == STOPPED)
      change(i);
    if (workers[i].state == RUNNING)
      end(i);
    if (workers[i].state == ENDED)
      reap(i);
  }
  CHECK(wait(NULL) < 0 && errno == ECHILD);
  live_pass();
}
