// SPDX-License-Identifier: EPL-2.0
// What is advised for mappings and how they are locked, changed at random and read back from /proc/self/smaps; memory
// that children find empty (MADV_WIPEONFORK) keeps its content for the program itself. Some mappings go and come again.
#include "live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AREAS = 6, PAGE = 4096, PAGES = 6, LINE = 512 };

// By pairs: what sets a flag of smaps, and what takes it back. Once told of huge pages, a mapping has one or the other.
static const struct advice {
  char flag[4];
  int set, reset;
} advices[] = {
    {"dd", MADV_DONTDUMP, MADV_DODUMP},       {"wf", MADV_WIPEONFORK, MADV_KEEPONFORK},
    {"sr", MADV_SEQUENTIAL, MADV_NORMAL},     {"dc", MADV_DONTFORK, MADV_DOFORK},
    {"mg", MADV_MERGEABLE, MADV_UNMERGEABLE}, {"hg", MADV_HUGEPAGE, MADV_NOHUGEPAGE},
};
enum { ADVICES = sizeof advices / sizeof *advices, WIPED = 1, KEPT_OUT = 3, HUGE = 5 };

enum lock { UNLOCKED, LOCKED, ON_FAULT, LOCKS };

static struct area {
  unsigned char *at;  // NULL: not mapped
  bool on[ADVICES];
  enum lock lock;
  uint64_t expected[PAGES];
} areas[AREAS];

static bool has[ADVICES];  // this kernel knows it
static bool locks_future;

// The flags of the mapping that holds `at`; "" for none.
static void flags_at(const void *at, char flags[LINE]) {
  char line[LINE];
  bool inside = false;
  FILE *maps = fopen("/proc/self/smaps", "re");
  CHECK(maps);
  flags[0] = 0;
  while (!flags[0] && fgets(line, sizeof line, maps)) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
      inside = start <= (unsigned long)at && (unsigned long)at < end;
    else if (inside && strncmp(line, "VmFlags:", 8) == 0)
      memcpy(flags, line + 8, strlen(line + 8) + 1);
  }
  CHECK(fclose(maps) == 0);
}

static bool is_set(const char *flags, const char *flag) {
  const char *at = strstr(flags, flag);
  return at && at[-1] == ' ' && at[2] == ' ';
}

// The first flag that is not as it should be; NULL: all are.
static const char *wrong_flag(const struct area *a) {
  char flags[LINE];
  flags_at(a->at, flags);
  for (unsigned i = 0; i < ADVICES; i++)
    if (has[i] && is_set(flags, advices[i].flag) != a->on[i])
      return advices[i].flag;
  if (is_set(flags, "lo") != (a->lock != UNLOCKED))
    return "lo";
  return is_set(flags, "lf") != (a->lock == ON_FAULT) ? "lf" : NULL;
}

// A rewind into the middle of the list goes on at the same byte of another one: then it is read once more.
static void check(const struct area *a) {
  enum { LOOKS = 3 };
  const char *wrong = a->at ? "" : NULL;
  for (unsigned i = 0; a->at && i < PAGES; i++)
    CHECK(*(volatile uint64_t *)(a->at + i * PAGE) == a->expected[i]);
  for (int i = 0; wrong && i < LOOKS; i++)
    wrong = wrong_flag(a);
  if (wrong)
    live_fail(__FILE__, __LINE__, wrong);
}

static void advise(struct area *a, unsigned i, bool on) {
  if (!has[i])
    return;
  a->on[i] = on;
  if (madvise(a->at, PAGES * PAGE, on ? advices[i].set : advices[i].reset) < 0)
    live_fail(__FILE__, __LINE__, advices[i].flag);
}

// A hole on either side keeps it from growing together with another one.
static void map(struct area *a) {
  struct area new = {.lock = locks_future ? LOCKED : UNLOCKED};
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  unsigned char *at = mmap(NULL, (PAGES + 2) * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
  CHECK(at != MAP_FAILED && munmap(at, PAGE) == 0 && munmap(at + (PAGES + 1) * PAGE, PAGE) == 0);
  new.at = at + PAGE;
  *a = new;
  advise(a, HUGE, false);
}

static void unmap(struct area *a) {
  unsigned char *at = a->at;
  a->at = NULL;
  CHECK(munmap(at, PAGES * PAGE) == 0);
}

static void lock(struct area *a) {
  a->lock = live_random(LOCKS);
  if (a->lock == UNLOCKED)
    CHECK(munlock(a->at, PAGES * PAGE) == 0);
  else
    CHECK(syscall(SYS_mlock2, a->at, PAGES * PAGE, a->lock == ON_FAULT ? MLOCK_ONFAULT : 0) == 0);
}

static void play(struct area *a) {
  if (!a->at)
    map(a);
  else if (live_random(12) == 0)
    unmap(a);
  else if (live_random(4) == 0)
    lock(a);
  else if (live_random(3) == 0)
    advise(a, live_random(ADVICES), live_random(2));
  for (unsigned k = a->at ? live_random(4) : 0; k; k--) {
    unsigned i = live_random(PAGES);
    a->expected[i] = live_stamp(i, live_ticks());
    *(volatile uint64_t *)(a->at + i * PAGE) = a->expected[i];
  }
}

// What is mapped from now on is locked, or not; to say so changes what is mapped already, too.
static void change_future(void) {
  locks_future = !locks_future;
  if (locks_future) {
    CHECK(mlockall(MCL_FUTURE) == 0);
    return;
  }
  for (unsigned i = 0; i < AREAS; i++)
    areas[i].lock = UNLOCKED;
  CHECK(munlockall() == 0);
}

static int child(void) {
  for (unsigned i = 0; i < AREAS; i++)
    for (unsigned k = 0; areas[i].at && !areas[i].on[KEPT_OUT] && k < PAGES; k++)
      if (*(volatile uint64_t *)(areas[i].at + k * PAGE) != (areas[i].on[WIPED] ? 0 : areas[i].expected[k]))
        return 1;
  return 0;
}

static void check_child(void) {
  int status;
  pid_t pid = fork();
  if (pid == 0)
    _exit(child());
  CHECK(pid > 0);
  while (waitpid(pid, &status, 0) < 0)
    CHECK(errno == EINTR);
  CHECK(status == 0);
}

static void find_advices(void) {
  void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(at != MAP_FAILED);
  for (unsigned i = 0; i < ADVICES; i++)
    has[i] = madvise(at, PAGE, advices[i].set) == 0;
  CHECK(munmap(at, PAGE) == 0);
}

int main(void) {
  live_begin();
  find_advices();
  do {
    for (unsigned i = 0; i < AREAS; i++)
      check(&areas[i]);
    play(&areas[live_random(AREAS)]);
    if (live_random(60) == 0)
      change_future();
    if (live_random(60) == 0)
      check_child();
  } while (live_tick());
  live_pass();
}
