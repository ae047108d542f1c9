// SPDX-License-Identifier: EPL-2.0
// A session without a process-number namespace of its own.
#include "engine/host.h"

#include <errno.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/tree.h"
#include "kernel/calls.h"
#include "proc/offspring.h"
#include "proc/scope.h"
#include "proc/status.h"
#include "trace/journal.h"

void engine_use_host(struct engine *g, pid_t root) {
  g->on_host = true;
  g->root = root;
  kernel_share_numbers();
}

// Each snapshot is a process; to ask each for its children would take its time.
static bool is_engines(const void *engine, pid_t pid) { return engine_owns(engine, pid); }

int session_processes(const struct engine *g, pid_t **ret, size_t *ret_count) {
  pid_t roots[SCOPE_ROOTS];
  size_t count = 0;
  const pid_t all[] = {g->root, g->debugger};
  for (size_t i = 0; g->on_host && i < sizeof all / sizeof all[0]; i++)
    if (all[i] > 0)
      roots[count++] = all[i];
  for (size_t i = 0; g->on_host && g->debugger && i < g->inferiors && count < SCOPE_ROOTS; i++)
    roots[count++] = g->inferior[i];
  scope_limit(roots, count, is_engines, g);
  return scope_list(ret, ret_count);
}

bool stands_alone(const struct engine *g, pid_t pid, pid_t parent) {
  return parent == getpid() || (g->on_host && pid == g->root);
}

// ---- numbers of the world outside ----

static const struct snapshot *snapshot_with(const struct process_state *s) {
  const struct engine *g = s->engine;
  for (size_t i = 0; i < g->snapshots; i++)
    for (size_t k = 0; k < g->snapshot[i]->processes; k++)
      if (g->snapshot[i]->process[k] == s)
        return g->snapshot[i];
  return NULL;
}

static pid_t inside_or(const struct process_state *s, pid_t number, bool is_group) {
  const struct snapshot *whole = s->engine->on_host ? snapshot_with(s) : NULL;
  for (size_t i = 0; whole && i < whole->processes; i++)
    if (whole->process[i]->pid == number)
      return number;
  return !whole ? number : is_group ? whole->process[0]->pid : 0;
}

pid_t host_group_inside(const struct process_state *s) { return inside_or(s, s->group, true); }
pid_t host_session_inside(const struct process_state *s) { return inside_or(s, s->session, false); }

// ---- strays ----

static bool same_executable(pid_t pid, const struct stat *as) {
  char path[64];
  struct stat st;
  (void)snprintf(path, sizeof path, "/proc/%d/exe", pid);
  return stat(path, &st) == 0 && st.st_dev == as->st_dev && st.st_ino == as->st_ino;
}

static bool runs_what_a_member_runs(const struct tree *t, pid_t pid) {
  char path[64];
  struct stat st;
  (void)snprintf(path, sizeof path, "/proc/%d/exe", pid);
  if (stat(path, &st) < 0)
    return false;
  for (size_t i = 0; i < t->count; i++)
    if (!t->item[i].is_zombie && same_executable(t->item[i].pid, &st))
      return true;
  return false;
}

static bool has_stray_below(const struct engine *g, const struct tree *t, pid_t ancestor, uint64_t since) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count = 0;
  (void)children_list(ancestor, &list, &count);
  for (size_t i = 0; i < count; i++) {
    uint64_t start;
    if (list[i] == getpid() || tree_find(t, list[i]) || engine_owns(g, list[i]) ||
        process_start_time(list[i], &start) < 0 || start < since)
      continue;
    if (runs_what_a_member_runs(t, list[i]))
      return true;
  }
  return false;
}

// Whoever loses its parent becomes a child of one of its ancestors. What has executed another program shares nothing.
bool host_has_strays(const struct engine *g, const struct tree *t) {
  uint64_t since;
  struct process_status s;
  if (!g->on_host || process_start_time(g->root, &since) < 0)
    return false;
  for (pid_t pid = g->root; pid > 1 && status_read(pid, &s) == 0; pid = s.parent)
    if (s.parent > 0 && has_stray_below(g, t, s.parent, since))
      return true;
  return false;
}

// ---- what cannot be made again ----

#define NO_NUMBER                                                                                              \
  "and outside a session's own namespace its number cannot be had again: rewind to a snapshot %s, or run the " \
  "program by 'snapback launch'"

int host_refuse_process(const struct process_state *s, struct error *e) {
  return error_set(e, ERROR_REFUSED,
                   "process %d (%s) has ended since the snapshot, or is another program now, " NO_NUMBER, s->pid,
                   s->thread[0].name, "without it");
}

int host_refuse_zombie(pid_t pid, pid_t parent, struct error *e) {
  return error_set(e, ERROR_REFUSED,
                   "the ended process %d has been waited for since the snapshot by process %d, " NO_NUMBER, pid, parent,
                   "without it");
}

// Root may choose the number of a new thread (CAP_CHECKPOINT_RESTORE). Asked for one that is taken, the kernel says so
// to those who may, and makes nothing.
static bool may_choose(struct executor *main, const struct process_state *s, struct error *e) {
  struct clone_args args = thread_clone_args(&s->thread[0]);
  args.set_tid = (uint64_t)(uintptr_t)&s->pid;
  args.set_tid_size = 1;
  return !s->engine->debugger && clone_there(main, &args, e) == -EEXIST;
}

int host_check_threads(const struct frozen *f, const struct process_state *s, struct executor *main, struct error *e) {
  for (size_t i = 0; s->engine->on_host && i < s->threads; i++)
    if (!frozen_holds(f, s->thread[i].tid) && !may_choose(main, s, e))
      return error_set(e, ERROR_REFUSED, "thread %d (%s) of process %d has ended since the snapshot, " NO_NUMBER,
                       s->thread[i].tid, s->thread[i].name, s->pid, "that it has outlived");
  return 0;
}

// ---- holding ----

void host_tie(const struct frozen *f, bool is_tied) {
  const unsigned options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | (is_tied ? PTRACE_O_EXITKILL : 0);
  for (size_t i = 0; f->pid && i < f->count; i++)
    (void)ptrace(PTRACE_SETOPTIONS, f->tid[i], 0, options);
}

int host_open(const struct frozen *f, struct executor **ret, struct error *e) {
  struct mappings maps;
  int r = mappings_read(f->pid, &maps);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of process %d", f->pid);
  uint64_t place = place_free_in_both(&maps, &maps);
  mappings_done(&maps);
  return executor_open_at(f->tracer, f->pid, f->pid, place, ret, e);
}

// ---- letting go ----

// Another process may have the number by now.
static bool is_still(struct engine *g, pid_t pid) {
  uint64_t start;
  return process_start_time(pid, &start) == 0 && start == lineage_line(g, pid)->start;
}

int host_reap(pid_t pid, const struct ended *list, size_t count, struct error *e) {
  struct frozen f;
  struct executor *main;
  if (freeze(pid, &f, e) < 0)
    return -1;
  int r = host_open(&f, &main, e);
  for (size_t i = 0; r == 0 && i < count; i++)
    if (list[i].parent == pid &&
        executor_call(main, e, SYS_wait4, (uint64_t)list[i].pid, 0, WNOHANG | __WALL, 0, 0, 0) == -EIO)
      r = -1;
  if (r == 0)
    r = executor_close(main, e);
  thaw(&f);
  return r;
}

static void forget_those_of(struct engine *g, pid_t parent) {
  size_t kept = 0;
  for (size_t i = 0; i < g->ended_count; i++)
    if (g->ended[i].parent != parent)
      g->ended[kept++] = g->ended[i];
    else
      journal_drop_template(g->ended[i].pid);
  g->ended_count = kept;
}

void engine_release(struct engine *g) {
  while (g->snapshots)
    snapshot_free(g->snapshot[g->snapshots - 1]);
  for (size_t i = 0; i < g->lines; i++)
    tracking_forget(&g->line[i]);
  while (g->ended_count) {
    struct error ignored = {0};
    pid_t parent = g->ended[0].parent;
    if (is_still(g, parent))
      (void)host_reap(parent, g->ended, g->ended_count, &ignored);
    forget_those_of(g, parent);
  }
}
