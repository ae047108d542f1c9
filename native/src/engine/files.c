// SPDX-License-Identifier: EPL-2.0
// Files that are rewound with the program: what a capture and a rewind do about them.
#include "engine/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/host.h"
#include "proc/status.h"

void engine_rewind_files(struct engine *g) {
  if (!g->contents)
    g->contents = content_store_new();
}

// Those that a user sees: not the debugger, which is not taken back with its program.
static void program_processes(const struct engine *g, pid_t **ret, size_t *ret_count) {
  size_t count = 0;
  *ret_count = 0;
  if (session_processes(g, ret, &count) < 0)
    return;
  for (size_t i = 0; i < count; i++)
    if ((*ret)[i] != getpid() && (*ret)[i] != g->debugger && !engine_owns(g, (*ret)[i]))
      (*ret)[(*ret_count)++] = (*ret)[i];
}

// ---- capture ----

void files_begin(struct engine *g) {
  _cleanup_free_ pid_t *pid = NULL;
  size_t pids = 0;
  if (!g->contents)
    return;
  kept_files_done(&g->early_files);
  program_processes(g, &pid, &pids);
  for (size_t i = 0; i < pids; i++)
    kept_files_begin(g->contents, pid[i], &g->early_files);
}

int files_capture(const struct process_state *s, const struct mappings *maps, struct error *e) {
  struct engine *g = s->engine;
  if (!g->contents || s->pid == g->debugger)
    return 0;
  return kept_files_add(s->pid, &s->descriptors, maps, &g->files, e) < 0 ||
                 kept_files_keep(g->contents, &g->files, e) < 0
             ? -1
             : 0;
}

void files_take(struct engine *g, struct kept_files *ret) {
  *ret = g->files;
  g->files = (struct kept_files){0};
  kept_files_done(&g->early_files);
}

void files_forget(struct engine *g) {
  kept_files_done(&g->files);
  kept_files_done(&g->early_files);
}

const struct kept_file *files_kept(const struct process_state *s, dev_t device, ino_t inode) {
  const struct engine *g = s->engine;
  for (size_t i = 0; i < g->snapshots; i++)
    for (size_t k = 0; k < g->snapshot[i]->processes; k++)
      if (g->snapshot[i]->process[k] == s)
        return kept_files_find(&g->snapshot[i]->files, device, inode);
  return NULL;
}

// ---- rewind ----

static void succeed(struct engine *g, const struct file_successor *f) {
  for (size_t i = 0; i < g->snapshots; i++) {
    struct snapshot *s = g->snapshot[i];
    if (!kept_files_succeed(&s->files, f))
      continue;
    for (size_t k = 0; k < s->processes; k++)
      descriptors_succeed(&s->process[k]->descriptors, f);
  }
}

int files_prepare(struct snapshot *s, struct error *e) {
  struct engine *g = s->engine;
  _cleanup_free_ pid_t *pid = NULL;
  size_t pids = 0, count = 0;
  if (!g->contents)
    return 0;
  program_processes(g, &pid, &pids);
  g->files_note[0] = 0;
  if (files_plan(&s->files, pid, pids, &g->files_plan, e) < 0)
    return -1;
  const struct file_successor *f = files_plan_successors(g->files_plan, &count);
  for (size_t i = 0; i < count; i++)
    succeed(g, &f[i]);
  return 0;
}

int files_put_back(struct engine *g, struct error *e) {
  struct files_plan *plan = g->files_plan;
  if (!plan)
    return 0;
  g->files_plan = NULL;
  int r = files_plan_carry_out(plan, g->files_note, sizeof g->files_note, e);
  files_plan_free(plan);
  return r;
}

void files_rewound(struct snapshot *s, struct rewind_report *report) {
  struct engine *g = s->engine;
  size_t used = strlen(report->note);
  files_plan_free(g->files_plan);
  g->files_plan = NULL;
  if (g->files_note[0])
    (void)snprintf(report->note + used, sizeof report->note - used, "%s%s", used ? " " : "", g->files_note);
  g->files_note[0] = 0;
}
