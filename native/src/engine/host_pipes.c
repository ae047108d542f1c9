// SPDX-License-Identifier: EPL-2.0
// Pipes of a session among the host's processes: which of them are not its own alone.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/host.h"
#include "proc/fdinfo.h"
#include "proc/status.h"

static bool is_among(const pid_t *list, size_t count, pid_t pid) {
  for (size_t i = 0; i < count; i++)
    if (list[i] == pid)
      return true;
  return false;
}

static bool holds(pid_t pid, const char *link) {
  _cleanup_free_ int *list = NULL;
  size_t count = 0;
  if (descriptor_list(pid, &list, &count) < 0)  // another user's
    return false;
  for (size_t i = 0; i < count; i++) {
    char path[64], there[PATH_MAX];
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, list[i]);
    ssize_t n = readlink(path, there, sizeof there - 1);
    if (n > 0 && strlen(link) == (size_t)n && memcmp(there, link, (size_t)n) == 0)
      return true;
  }
  return false;
}

static bool is_held_outside(const struct engine *g, const char *link) {
  _cleanup_free_ pid_t *all = NULL, *ours = NULL;
  size_t count = 0, our_count = 0;
  if (process_list(&all, &count) < 0 || session_processes(g, &ours, &our_count) < 0)
    return true;
  for (size_t i = 0; i < count; i++)
    if (all[i] != getpid() && !engine_owns(g, all[i]) && !is_among(ours, our_count, all[i]) && holds(all[i], link))
      return true;
  return false;
}

void host_leave_shared_pipes(struct process_state *s) {
  for (size_t i = 0; s->engine->on_host && i < s->descriptors.count; i++) {
    struct descriptor *d = &s->descriptors.item[i];
    if (d->kind != &descriptor_pipe || !d->restores_bytes || !is_held_outside(s->engine, d->link))
      continue;
    d->restores_bytes = false;
    free(d->bytes);
    d->bytes = NULL;
    d->size = 0;
  }
}
