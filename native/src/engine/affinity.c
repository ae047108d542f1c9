// SPDX-License-Identifier: EPL-2.0
// Running on the same processor as a tracee while it is driven.
#include "engine/affinity.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

// Field 39 of /proc/PID/stat: the processor that it last ran on; -1: unknown.
static int processor_of(pid_t pid) {
  enum { FIELD = 39 };
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
  _cleanup_free_ char *text = NULL;
  if (file_read_record(path, 4096, &text) < 0)
    return -1;
  const char *at = strrchr(text, ')');
  for (int field = 2; at && field < FIELD; field++)
    at = strchr(at + 1, ' ');
  int processor = -1;
  return at && sscanf(at, "%d", &processor) == 1 ? processor : -1;
}

// `processor`: -1, unknown. `tid`: 0, we ourselves.
static bool bind_to(pid_t tid, int processor) {
  cpu_set_t one;
  if (processor < 0 || processor >= CPU_SETSIZE)
    return false;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  return sched_setaffinity(tid, sizeof one, &one) == 0;
}

static const struct affinity *joined;

void affinity_join(struct affinity *a, pid_t pid) {
  a->joined = sched_getaffinity(0, sizeof a->before, &a->before) == 0 && bind_to(0, processor_of(pid));
  if (a->joined && !joined)
    joined = a;
}

void affinity_leave(struct affinity *a) {
  if (a->joined)
    (void)sched_setaffinity(0, sizeof a->before, &a->before);
  if (joined == a)
    joined = NULL;
}

void affinity_others(cpu_set_t *ret) {
  const int here = sched_getcpu();
  CPU_ZERO(ret);
  if (joined)
    *ret = joined->before;
  else
    (void)sched_getaffinity(0, sizeof *ret, ret);
  if (here >= 0 && here < CPU_SETSIZE && CPU_COUNT(ret) > 1)
    CPU_CLR(here, ret);
}

void affinity_pin(const struct process_state *s, pid_t tid) {
  if (!s->engine->on_host)
    (void)bind_to(tid, sched_getcpu());
}

static size_t processors_in(const struct thread_attributes *a) {
  size_t count = 0;
  for (size_t i = 0; i < a->affinity_size; i++)
    count += (size_t)__builtin_popcount(a->affinity[i]);
  return count;
}

static size_t processors_online(void) {
  static size_t count;
  if (!count)
    count = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
  return count;
}

// The kernel remembers the set that was asked for, and tells the part that is there. Whoever may run on all of them may
// run also on those that come later.
void affinity_unpin(const struct process_state *s, pid_t tid, const struct thread_attributes *then) {
  unsigned char all[AFFINITY_MAX];
  const bool has_all = processors_in(then) >= processors_online();
  memset(all, 0xff, sizeof all);
  if (!s->engine->on_host && then->affinity_size)
    (void)syscall(SYS_sched_setaffinity, tid, has_all ? sizeof all : then->affinity_size,
                  has_all ? all : then->affinity);
}
