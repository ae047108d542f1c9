// SPDX-License-Identifier: EPL-2.0
// Rights that a program gives up for good, one after the other: niceness, a hard limit, the scheduling class, gaining
// rights by exec, and last, if it is told to, system calls (a seccomp filter). A rewind has to give each of them back.
#include "live.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STEP = 40, STAGES = 5, NICENESS = 3, FILES = 700 };

static void give_up_niceness(void) { CHECK(setpriority(PRIO_PROCESS, 0, NICENESS) == 0); }
static bool is_nice(void) { return getpriority(PRIO_PROCESS, 0) == NICENESS; }

static void give_up_files(void) {
  const struct rlimit less = {FILES, FILES};
  CHECK(setrlimit(RLIMIT_CORE, &less) == 0);
}
static bool has_few_files(void) {
  struct rlimit now;
  CHECK(getrlimit(RLIMIT_CORE, &now) == 0);
  return now.rlim_max == FILES;
}

static void give_up_time(void) {
  const struct sched_param none = {0};
  CHECK(sched_setscheduler(0, SCHED_IDLE, &none) == 0);
}
static bool is_idle(void) { return sched_getscheduler(0) == SCHED_IDLE; }

static void give_up_gaining(void) { CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0); }
static bool gains_nothing(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; }

// Any process may be asked for its parent, but not this one.
static void give_up_parent(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof code / sizeof *code, code};
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}
static bool knows_no_parent(void) { return syscall(SYS_getppid) < 0; }

static const struct stage {
  const char *name;
  void (*give_up)(void);
  bool (*is_given_up)(void);
} stages[STAGES] = {
    {"niceness", give_up_niceness, is_nice},
    {"files", give_up_files, has_few_files},
    {"time", give_up_time, is_idle},
    {"gaining", give_up_gaining, gains_nothing},
    {"parent", give_up_parent, knows_no_parent},
};

int main(int argc, char **argv) {
  unsigned most = argc > 1 ? (unsigned)atoi(argv[1]) : STAGES - 1, given_up = 0;
  live_begin();
  do {
    for (unsigned i = 0; i < most; i++)
      if (stages[i].is_given_up() != (i < given_up))
        live_fail(__FILE__, __LINE__, stages[i].name);
    if (given_up < most && live_ticks() % STEP == STEP - 1)
      stages[given_up++].give_up();
  } while (live_tick());
  live_pass();
}
