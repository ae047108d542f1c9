// SPDX-License-Identifier: EPL-2.0
// Threads that a debugger lets make a single step.
#include "engine/stepping.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "proc/status.h"

uint64_t stepping_run_time(pid_t pid, pid_t tid) {
  char path[64];
  struct process_status s;
  _cleanup_free_ char *text = NULL;
  if (status_read_thread(pid, tid, &s) < 0 || s.state != 'R')
    return UINT64_MAX;
  (void)snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", pid, tid);
  return file_read(path, 128, &text, NULL) < 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

bool stepping_is_beside(uint64_t entry, const struct registers *r) {
  enum { ROOM = 64 };
  uint64_t pc = arch_pc(r);
  return entry && pc >= entry && pc < entry + ROOM;
}
