// SPDX-License-Identifier: EPL-2.0
// Refusing by name what cannot be captured, before anything is touched.
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/host.h"
#include "engine/tree.h"
#include "proc/maps.h"
#include "proc/status.h"

// What it debugs stands still. Another process that runs might take a number meanwhile that is set for a moment only.
int survey_debugger(const struct engine *g, struct error *e) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count;
  int r = session_processes(g, &list, &count);
  if (r < 0)
    return error_set_errno(e, r, "cannot list the processes of the session");
  for (size_t i = 0; i < count; i++) {
    struct process_status s;
    if (list[i] == getpid() || list[i] == g->debugger || engine_owns(g, list[i]) ||
        engine_traces_by_debugger(g, list[i]) || status_read(list[i], &s) < 0 || s.state == 'X')
      continue;
    return error_set(e, ERROR_REFUSED,
                     "gdb does not trace the process %d (%s), and cannot be taken back while there is such a one: wait "
                     "until it has ended, or end it",
                     list[i], s.name);
  }
  return 0;
}

static const char *refused_mapping(const struct engine *g, const struct mapping *m) {
  if (mapping_is_system_v(m) && !g->holds_system_v)
    return "System V shared memory";
  if (strncmp(m->name, "/secretmem", 10) == 0)
    return "secret memory (memfd_secret)";
  if (strncmp(m->name, "anon_inode:", 11) == 0)
    return m->name + 11;
  if (m->shared && strncmp(m->name, "/dev/", 5) == 0 && !mapping_is_shared_memory(m))
    return m->name;
  return NULL;
}

int survey_mappings(const struct engine *g, pid_t pid, const struct mappings *maps, struct error *e) {
  for (size_t i = 0; i < maps->count; i++) {
    const char *what = refused_mapping(g, &maps->item[i]);
    if (what)
      return error_set(e, ERROR_REFUSED,
                       "process %d has %s mapped at %#lx, which snapshots cannot hold yet: unmap it, or take the "
                       "snapshot before it is mapped",
                       pid, what, (unsigned long)maps->item[i].start);
  }
  return 0;
}

int survey_filter(pid_t pid, const struct process_status *s, struct error *e) {
  if (s->seccomp)
    return error_set(
        e, ERROR_REFUSED,
        "process %d (%s) runs under a seccomp filter, which forbids the calls that a snapshot makes in it: "
        "switch its sandbox off",
        pid, s->name);
  return 0;
}

bool process_is_narrow(const struct process_state *s) { return s->instruction & ARCH_NARROW; }

static bool is_shared(pid_t a, pid_t b, int what) { return syscall(SYS_kcmp, a, b, what, 0, 0) == 0; }

// Forked processes have copies of all; clone(2) and vfork(2) can leave it shared.
static int survey_pair(pid_t pid, pid_t parent, struct error *e) {
  static const struct {
    int what;
    const char *name;
  } parts[] = {{KCMP_VM, "its memory"}, {KCMP_FILES, "its table of descriptors"}, {KCMP_FS, "its working directory"}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (is_shared(pid, parent, parts[i].what))
      return error_set(e, ERROR_REFUSED,
                       "process %d shares %s with process %d, which snapshots cannot hold yet: wait until it has "
                       "executed another program, or end it",
                       pid, parts[i].name, parent);
  return 0;
}

int survey_sharing(const struct tree *t, struct error *e) {
  for (size_t i = 0; i < t->count; i++) {
    const struct member *m = &t->item[i];
    if (!m->is_zombie && tree_find(t, m->parent) && survey_pair(m->pid, m->parent, e) < 0)
      return -1;
  }
  return 0;
}

// Which thread's it is nobody tells.
static bool is_clock_of_a_thread(int clock) {
  enum { OF_THREAD = 4, NUMBER_SHIFT = 3 };
  return clock == CLOCK_THREAD_CPUTIME_ID || (clock < 0 && clock & OF_THREAD && ~clock >> NUMBER_SHIFT == 0);
}

int survey_timers(const struct process_state *s, struct error *e) {
  for (size_t i = 0; s->threads > 1 && i < s->timers.count; i++)
    if (is_clock_of_a_thread(s->timers.item[i].clock))
      return error_set(e, ERROR_REFUSED,
                       "process %d has a timer of the processor time of one of its threads (timer %d), which snapshots "
                       "cannot hold yet: delete it first",
                       s->pid, s->timers.item[i].id);
  return 0;
}
