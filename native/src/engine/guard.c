// SPDX-License-Identifier: EPL-2.0
// After the supervisor of a program that was attached to has been killed.
//
// The kernel lets all tracees go where they are. A thread that made calls for us makes the rest of them and waits in
// our area, or goes round at its landing: it is held once more, and gets its registers.
#include "engine/guard.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/host.h"
#include "proc/offspring.h"
#include "proc/status.h"
#include "trace/journal.h"

enum { TRIES = 5000, PAUSE_NS = 1000000 };

struct guard {
  const struct journal *journal;
  pid_t *program;  // its processes
  size_t processes;
  struct ended *template;
  size_t templates, capacity;
};

static bool is_of_program(const struct guard *g, pid_t pid) {
  for (size_t i = 0; i < g->processes; i++)
    if (g->program[i] == pid)
      return true;
  return false;
}

// ---- templates ----

// Field 38 of /proc/PID/stat: what the parent hears of the end. Of ours it hears nothing.
static bool ends_unheard(pid_t pid) {
  enum { FIELD = 38 };
  char path[64];
  _cleanup_free_ char *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
  if (file_read(path, 4096, &text, NULL) < 0)
    return false;
  const char *at = strrchr(text, ')');
  for (int field = 2; at && field < FIELD; field++)
    at = strchr(at + 1, ' ');
  return at && strtol(at, NULL, 10) == 0;
}

static void add(struct guard *g, pid_t pid, pid_t parent) {
  struct process_status s;
  if (!is_of_program(g, parent) || status_read(pid, &s) < 0 || s.parent != parent || !ends_unheard(pid))
    return;
  array_reserve(g->template, g->templates, g->capacity);
  g->template[g->templates++] = (struct ended){.pid = pid, .parent = parent};
}

static void find_unknown(struct guard *g, pid_t parent) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count = 0;
  (void)children_list(parent, &list, &count);
  for (size_t i = 0; i < count; i++) {
    uint64_t start;
    if (process_start_time(list[i], &start) == 0 && start >= g->journal->cloning_since)
      add(g, list[i], parent);
  }
}

static bool has_ended(pid_t pid) {
  struct process_status s;
  return status_read(pid, &s) < 0 || s.state == 'Z' || s.state == 'X';
}

static void end_templates(struct guard *g) {
  const struct journal *j = g->journal;
  for (size_t i = 0; i < j->templates; i++)
    add(g, j->template[i].pid, j->template[i].parent);
  if (j->cloning)
    find_unknown(g, j->cloning);
  for (size_t i = 0; i < g->templates; i++)
    (void)kill(g->template[i].pid, SIGKILL);
  for (size_t i = 0, tries = 0; i < g->templates && tries < TRIES; tries++)
    if (has_ended(g->template[i].pid))
      i++;
    else
      (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

// ---- processes that were held ----

static bool is_within(uint64_t at, uint64_t start, uint64_t size) { return start && at >= start && at - start < size; }

// One that stands elsewhere has its own registers, and may have gone on with them.
static bool is_lent(const struct registers *now, const struct journal_thread *t, uint64_t area) {
  const struct landing *l = &t->landing;
  uint64_t pc = arch_pc(now);
  const size_t size = arch_call_and_return(l->instruction & ARCH_NARROW)->size;
  bool is_calling = is_within(pc, l->instruction & ~ARCH_NARROW, size) && arch_sp(now) - l->stack <= l->taken;
  return is_calling || (l->circle && pc == l->circle) || is_within(pc, area, EXECUTOR_AREA);
}

static int give_back(struct executor *x, const struct journal_thread *t, uint64_t area, struct error *e) {
  if (is_lent(executor_registers(x), t, area))
    *executor_registers(x) = t->registers;
  *executor_mask(x) = t->mask;
  return executor_close(x, e);
}

static const struct journal_thread *find(const struct journal *j, pid_t tid) {
  for (size_t i = 0; i < j->threads; i++)
    if (j->thread[i].tid == tid)
      return &j->thread[i];
  return NULL;
}

// It was killed when the area may have been mapped, and before it knew. Nobody else has one of that size and
// protection.
static bool is_mapped(pid_t pid, uint64_t area) {
  struct mappings maps;
  if (!area || mappings_read(pid, &maps) < 0)
    return false;
  const struct mapping *m = mappings_at(&maps, area);
  bool is_ours = m && m->start == area && m->end == area + EXECUTOR_AREA && !m->inode && !m->shared &&
                 m->protection == (PROT_READ | PROT_WRITE | PROT_EXEC);
  mappings_done(&maps);
  return is_ours;
}

// The main thread comes first in whatever is done in a process, and is the last that is let go.
static void mend_threads(const struct guard *g, const struct frozen *f) {
  struct error ignored = {0};
  struct executor *main, *x;
  const struct journal_thread *first = find(g->journal, f->pid);
  if (!first)
    return;
  uint64_t area = first->area ? first->area : is_mapped(f->pid, first->wanted) ? first->wanted : 0;
  if (executor_adopt(f->tracer, f->pid, area, first->instruction, !area, &main, &ignored) < 0)
    return;
  for (size_t i = 1; i < f->count; i++) {
    const struct journal_thread *t = find(g->journal, f->tid[i]);
    if (t && executor_open(f->tracer, f->pid, t->tid, main, &x, &ignored) == 0)
      (void)give_back(x, t, area, &ignored);
  }
  (void)give_back(main, first, area, &ignored);
}

static void mend_process(const struct guard *g, const struct journal_process *p) {
  struct frozen f;
  struct error ignored = {0};
  if (!is_of_program(g, p->pid) || freeze(p->pid, &f, &ignored) < 0)
    return;
  mend_threads(g, &f);
  thaw(&f);
  if (!p->was_stopped)
    (void)kill(p->pid, SIGCONT);
}

// ---- all ----

static void reap_templates(struct guard *g) {
  struct error ignored = {0};
  for (size_t i = 0; i < g->templates; i++) {
    bool is_first = true;
    for (size_t k = 0; k < i; k++)
      is_first = is_first && g->template[k].parent != g->template[i].parent;
    if (is_first)
      (void)host_reap(g->template[i].parent, g->template, g->templates, &ignored);
  }
}

bool guard_was_changing(const struct journal *j) { return j->is_changing; }

bool guard_mend(const struct journal *j, pid_t root) {
  struct guard g = {.journal = j};
  (void)offspring_list(&root, 1, NULL, NULL, &g.program, &g.processes);
  for (size_t i = 0; j->is_changing && i < g.processes; i++)
    (void)kill(g.program[i], SIGKILL);
  if (!j->is_changing) {
    end_templates(&g);
    for (size_t i = 0; i < j->processes; i++)
      mend_process(&g, &j->process[i]);
    reap_templates(&g);
  }
  free(g.program);
  free(g.template);
  return !j->is_changing;
}
