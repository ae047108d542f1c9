// SPDX-License-Identifier: EPL-2.0
// Attributes of the process and of two threads, changed at random where the kernel lets an ordinary user: priorities,
// processors, slack, limits, settings of prctl(2). What the program has set last, it must have.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROCESS = 1, BEST_EFFORT = 2, IDLE_CLASS = 3, CLASS_SHIFT = 13, NICE_STEP = 64 };

// ---- attributes as numbers: how to set and to read each ----

struct attribute {
  const char *name;
  void (*set)(unsigned long value);
  unsigned long (*get)(void);
  unsigned long (*choose)(void);
};

static unsigned long choose_bit(void) { return live_random(2); }

static unsigned processors[CPU_SETSIZE], processor_count;
static void set_processor(unsigned long n) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processors[n], &set);
  CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
}
static unsigned long get_processor(void) {
  cpu_set_t set;
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1);
  for (unsigned i = 0; i < processor_count; i++)
    if (CPU_ISSET(processors[i], &set))
      return i;
  return ULONG_MAX;
}
static unsigned long choose_processor(void) { return live_random(processor_count); }

static void set_policy(unsigned long batch) {
  struct sched_param none = {0};
  CHECK(sched_setscheduler(0, batch ? SCHED_BATCH : SCHED_OTHER, &none) == 0);
}
static unsigned long get_policy(void) { return sched_getscheduler(0) == SCHED_BATCH; }

static void set_io(unsigned long level) {
  unsigned long value = level < 8 ? BEST_EFFORT << CLASS_SHIFT | level : IDLE_CLASS << CLASS_SHIFT;
  CHECK(syscall(SYS_ioprio_set, PROCESS, 0, value) == 0);
}
static unsigned long get_io(void) {
  long value = syscall(SYS_ioprio_get, PROCESS, 0);
  CHECK(value >= 0);
  return value >> CLASS_SHIFT == IDLE_CLASS ? 8 : (unsigned long)value & 7;
}
static unsigned long choose_io(void) { return live_random(9); }

static void set_slack(unsigned long ns) { CHECK(prctl(PR_SET_TIMERSLACK, ns) == 0); }
static unsigned long get_slack(void) { return (unsigned long)prctl(PR_GET_TIMERSLACK); }
static unsigned long choose_slack(void) { return 1 + live_random(100000); }

static void set_death_signal(unsigned long number) { CHECK(prctl(PR_SET_PDEATHSIG, number) == 0); }
static unsigned long get_death_signal(void) {
  int number = -1;
  CHECK(prctl(PR_GET_PDEATHSIG, &number) == 0);
  return (unsigned long)number;
}
static unsigned long choose_death_signal(void) { return live_random(SIGRTMAX + 1); }

static void set_machine_check(unsigned long policy) { CHECK(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, policy, 0, 0) == 0); }
static unsigned long get_machine_check(void) { return (unsigned long)prctl(PR_MCE_KILL_GET, 0, 0, 0, 0); }
static unsigned long choose_machine_check(void) { return live_random(3); }

static void set_keeping(unsigned long keep) { CHECK(prctl(PR_SET_KEEPCAPS, keep) == 0); }
static unsigned long get_keeping(void) { return (unsigned long)prctl(PR_GET_KEEPCAPS); }

static void set_personality(unsigned long bit) { CHECK(personality(bit ? STICKY_TIMEOUTS : 0) != -1); }
static unsigned long get_personality(void) { return (unsigned)personality(0xffffffff) == STICKY_TIMEOUTS; }

static const struct attribute of_thread[] = {
    {"processor", set_processor, get_processor, choose_processor},
    {"policy", set_policy, get_policy, choose_bit},
    {"io", set_io, get_io, choose_io},
    {"slack", set_slack, get_slack, choose_slack},
    {"death_signal", set_death_signal, get_death_signal, choose_death_signal},
    {"machine_check", set_machine_check, get_machine_check, choose_machine_check},
    {"keeping", set_keeping, get_keeping, choose_bit},
    {"personality", set_personality, get_personality, choose_bit},
};

// Below descriptors that are open, too; but there is room for the files of /proc.
static void set_limit(unsigned long files) {
  struct rlimit l;
  CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0);
  l.rlim_cur = files;
  CHECK(setrlimit(RLIMIT_NOFILE, &l) == 0);
}
static unsigned long get_limit(void) {
  struct rlimit l;
  CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0);
  return l.rlim_cur;
}
static unsigned long choose_limit(void) { return 16 + live_random(1000); }

static void set_subreaper(unsigned long on) { CHECK(prctl(PR_SET_CHILD_SUBREAPER, on) == 0); }
static unsigned long get_subreaper(void) {
  int on = -1;
  CHECK(prctl(PR_GET_CHILD_SUBREAPER, &on) == 0);
  return (unsigned long)on;
}

static void set_huge_pages_off(unsigned long off) { CHECK(prctl(PR_SET_THP_DISABLE, off, 0, 0, 0) == 0); }
static unsigned long get_huge_pages_off(void) { return (unsigned long)prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0); }

static void write_number(const char *path, unsigned long number) {
  char text[24];
  int fd = open(path, O_WRONLY | O_CLOEXEC), n = snprintf(text, sizeof text, "%lu", number);
  CHECK(fd >= 0 && write(fd, text, (size_t)n) == n && close(fd) == 0);
}
static unsigned long read_number(const char *path, int base) {
  char text[24] = "";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
  return strtoul(text, NULL, base);
}

static void set_oom(unsigned long score) { write_number("/proc/self/oom_score_adj", score); }
static unsigned long get_oom(void) { return read_number("/proc/self/oom_score_adj", 10); }
static unsigned long choose_oom(void) { return live_random(1001); }

static void set_core_filter(unsigned long filter) { write_number("/proc/self/coredump_filter", filter); }
static unsigned long get_core_filter(void) { return read_number("/proc/self/coredump_filter", 16); }
static unsigned long choose_core_filter(void) { return live_random(128); }

static const struct attribute of_process[] = {
    {"subreaper", set_subreaper, get_subreaper, choose_bit},
    {"huge_pages_off", set_huge_pages_off, get_huge_pages_off, choose_bit},
    {"oom", set_oom, get_oom, choose_oom},
    {"core_filter", set_core_filter, get_core_filter, choose_core_filter},
    {"limit", set_limit, get_limit, choose_limit},
};

// ---- their play ----

enum { MOST = 16 };

static void step(const struct attribute *list, size_t count, unsigned long *value) {
  for (size_t i = 0; i < count; i++) {
    if (list[i].get() != value[i])
      live_fail(__FILE__, __LINE__, list[i].name);
    if (live_random(4) == 0)
      list[i].set(value[i] = list[i].choose());
  }
}

static void begin(const struct attribute *list, size_t count, unsigned long *value) {
  for (size_t i = 0; i < count; i++)
    list[i].set(value[i] = list[i].choose());
}

static sem_t turn, done;
static bool ends;

static void wait_for(sem_t *s) {
  while (sem_wait(s) < 0)
    CHECK(errno == EINTR);
}

static void *second(void *unused) {
  unsigned long value[MOST];
  (void)unused;
  begin(of_thread, sizeof of_thread / sizeof *of_thread, value);
  for (; wait_for(&turn), !ends; sem_post(&done))
    step(of_thread, sizeof of_thread / sizeof *of_thread, value);
  return NULL;
}

static void find_processors(void) {
  cpu_set_t set;
  CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
  for (unsigned i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET(i, &set))
      processors[processor_count++] = i;
}

int main(void) {
  pthread_t thread;
  unsigned long own[MOST], value[MOST];
  int niceness = 0;
  live_begin();
  find_processors();
  CHECK(sem_init(&turn, 0, 0) == 0 && sem_init(&done, 0, 0) == 0);
  CHECK(pthread_create(&thread, NULL, second, NULL) == 0);
  begin(of_thread, sizeof of_thread / sizeof *of_thread, own);
  begin(of_process, sizeof of_process / sizeof *of_process, value);
  do {
    CHECK(sem_post(&turn) == 0);
    wait_for(&done);
    step(of_thread, sizeof of_thread / sizeof *of_thread, own);
    CHECK(getpriority(PRIO_PROCESS, 0) == niceness);
    // Which cannot be undone by the program itself, nor by an ordinary user.
    if (niceness < 19 && live_ticks() % NICE_STEP == NICE_STEP - 1)
      CHECK(setpriority(PRIO_PROCESS, 0, ++niceness) == 0);
    step(of_process, sizeof of_process / sizeof *of_process, value);
  } while (live_tick());
  ends = true;
  CHECK(sem_post(&turn) == 0 && pthread_join(thread, NULL) == 0);
  live_pass();
}
