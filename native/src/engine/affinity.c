// SPDX-License-Identifier: EPL-2.0
// Running on the processor of a tracee while it is driven.
#include "engine/affinity.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

// Field 39 of /proc/PID/stat: the processor that it last ran on; -1: unknown.
static int processor_of(pid_t pid) {
  enum { FIELD = 39 };
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
  _cleanup_free_ char *text = NULL;
  if (file_read(path, 4096, &text, NULL) < 0)
    return -1;
  const char *at = strrchr(text, ')');
  for (int field = 2; at && field < FIELD; field++)
    at = strchr(at + 1, ' ');
  int processor = -1;
  return at && sscanf(at, "%d", &processor) == 1 ? processor : -1;
}

void affinity_join(struct affinity *a, pid_t pid) {
  cpu_set_t one;
  int processor = processor_of(pid);
  a->joined = false;
  if (processor < 0 || processor >= CPU_SETSIZE || sched_getaffinity(0, sizeof a->before, &a->before) < 0)
    return;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  a->joined = sched_setaffinity(0, sizeof one, &one) == 0;
}

void affinity_leave(struct affinity *a) {
  if (a->joined)
    (void)sched_setaffinity(0, sizeof a->before, &a->before);
}
