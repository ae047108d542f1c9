// SPDX-License-Identifier: EPL-2.0
// A session with every relation that processes can have: orphans, a daemon whose session has lost its leader, a group
// without one, children that have ended, a subreaper, a signal at the parent's death, one that is stopped.
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MEMBERS = 12, EXIT_STATUS = 7, NAMED_SIGNAL = SIGUSR2 };

struct member {
  volatile pid_t pid, parent, group, session;
  volatile int reaper, death;
  volatile uint64_t rounds;
};

static struct common {
  struct member member[MEMBERS];
  unsigned taken;           // places in the list
  volatile unsigned count;  // of those that are members
  volatile bool quits;
} * common;
static pid_t zombies[3], stopped, group;

static void nap(long ns) { (void)nanosleep(&(struct timespec){.tv_nsec = ns}, NULL); }

static void check_self(const struct member *m) {
  int reaper = 0, death = 0;
  CHECK(getpid() == m->pid && getpgrp() == m->group && getsid(0) == m->session);
  CHECK(prctl(PR_GET_CHILD_SUBREAPER, &reaper) == 0 && reaper == m->reaper);
  CHECK(prctl(PR_GET_PDEATHSIG, &death) == 0 && death == m->death);
}

// All of the session is being killed, the parent first: that is not for the journal.
static void check_parent(const struct member *m) {
  enum { MOMENTS = 1000 };
  if (getppid() == m->parent)
    return;
  for (int i = 0; i < MOMENTS && kill(m->parent, 0) == 0; i++)
    nap(1000000);
  while (kill(m->parent, 0) < 0)
    pause();
  CHECK(getppid() == m->parent);
}

static struct member *be_member(void) {
  struct member *m = &common->member[__atomic_fetch_add(&common->taken, 1, __ATOMIC_SEQ_CST)];
  int reaper = 0, death = 0;
  CHECK(prctl(PR_GET_CHILD_SUBREAPER, &reaper) == 0 && prctl(PR_GET_PDEATHSIG, &death) == 0);
  *m = (struct member){getpid(), getppid(), getpgrp(), getsid(0), reaper, death, 0};
  __atomic_fetch_add(&common->count, 1, __ATOMIC_SEQ_CST);
  return m;
}

_Noreturn static void work(struct member *m) {
  for (uint64_t mine = 0; !common->quits; mine++) {
    check_self(m);
    check_parent(m);
    CHECK(m->rounds == mine);
    m->rounds = mine + 1;
    nap(500000);
  }
  _exit(0);
}

static void await_count(unsigned count) {
  while (common->count < count)
    nap(100000);
}

// `members`: it, and those that it starts first.
static pid_t start(void (*first)(void), unsigned members) {
  unsigned count = common->count;
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    if (first)
      first();
    work(be_member());
  }
  await_count(count + members);
  return pid;
}

static void reap(pid_t pid) {
  int status;
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// The grandchild loses its parent, and is a member when it has another one.
static void start_grandchild(void (*first)(void)) {
  unsigned count = common->count;
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    if (first)
      first();
    pid_t parent = getpid(), grandchild = fork();
    CHECK(grandchild >= 0);
    if (grandchild)
      _exit(0);
    while (getppid() == parent)
      nap(100000);
    work(be_member());
  }
  reap(pid);
  await_count(count + 1);
}

static void lead_session(void) { CHECK(setsid() == getpid()); }
static void join_group(void) { CHECK(setpgid(0, group) == 0); }
static void lead_group(void) { CHECK(setpgid(0, 0) == 0); }
static void ask_for_signal(void) { CHECK(prctl(PR_SET_PDEATHSIG, NAMED_SIGNAL) == 0); }

static void lead_session_with_child(void) {
  lead_session();
  (void)start(NULL, 1);
}

static void adopt_orphans(void) {
  CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  start_grandchild(NULL);
}

// Its leader ends when it has a member.
static void start_group_without_leader(void) {
  pid_t leader = fork();
  CHECK(leader >= 0);
  if (leader == 0) {
    pause();
    _exit(0);
  }
  CHECK(setpgid(leader, leader) == 0);
  group = leader;
  (void)start(join_group, 1);
  int status;
  CHECK(kill(leader, SIGKILL) == 0 && waitpid(leader, &status, 0) == leader);
}

static void start_zombies(void) {
  for (int i = 0; i < 3; i++) {
    siginfo_t info;
    zombies[i] = fork();
    CHECK(zombies[i] >= 0);
    if (zombies[i] == 0) {
      if (i == 2)
        lead_group();
      if (i == 1)
        (void)raise(SIGTERM);
      _exit(EXIT_STATUS);
    }
    while (waitid(P_PID, (id_t)zombies[i], &info, WEXITED | WNOWAIT) < 0)
      CHECK(errno == EINTR);
  }
}

static void stop(pid_t pid) {
  int status;
  CHECK(kill(pid, SIGSTOP) == 0);
  CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
  stopped = pid;
}

static void check_zombies(void) {
  static const struct {
    int code, status;
  } ends[] = {{CLD_EXITED, EXIT_STATUS}, {CLD_KILLED, SIGTERM}, {CLD_EXITED, EXIT_STATUS}};
  for (int i = 0; i < 3; i++) {
    siginfo_t info = {0};
    CHECK(waitid(P_PID, (id_t)zombies[i], &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == zombies[i]);
    CHECK(info.si_code == ends[i].code && info.si_status == ends[i].status);
    CHECK(getpgid(zombies[i]) == (i == 2 ? zombies[i] : getpgrp()));
  }
}

static void check(void) {
  static uint64_t rounds_when_stopped;
  for (unsigned i = 0; i < common->count; i++) {
    const struct member *m = &common->member[i];
    CHECK(kill(m->pid, 0) == 0 && getpgid(m->pid) == m->group && getsid(m->pid) == m->session);
    if (m->pid != stopped)
      continue;
    CHECK(rounds_when_stopped == 0 || rounds_when_stopped == m->rounds);
    rounds_when_stopped = m->rounds;
  }
  siginfo_t info = {0};
  CHECK(waitid(P_PID, (id_t)stopped, &info, WSTOPPED | WNOWAIT | WNOHANG) == 0 && info.si_pid == 0);
  check_zombies();
}

int main(void) {
  live_begin();
  common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(common != MAP_FAILED);
  start_grandchild(NULL);
  start_grandchild(lead_session);
  (void)start(lead_session_with_child, 2);
  (void)start(adopt_orphans, 2);
  (void)start(ask_for_signal, 1);
  start_group_without_leader();
  start_zombies();
  pid_t last = start(lead_group, 1);
  nap(5000000);
  stop(last);
  do
    check();
  while (live_tick());
  uint64_t rounds = common->member[0].rounds;
  while (common->member[0].rounds == rounds)
    nap(100000);
  common->quits = true;
  CHECK(kill(stopped, SIGCONT) == 0);
  while (wait(NULL) > 0 || errno == EINTR)
    continue;
  live_pass();
}
