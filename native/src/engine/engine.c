// SPDX-License-Identifier: EPL-2.0
// The engine: its snapshots, and what it tells of them.
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/save_state.h"

struct engine *engine_new(void) {
  return must_alloc(sizeof(struct engine));
}

void engine_free(struct engine *g) {
  if (!g)
    return;
  while (g->snapshots)
    snapshot_free(g->snapshot[g->snapshots - 1]);
  while (g->saved_count)
    saved_forget(g, g->saved_count - 1);
  free(g->saved);
  free(g->writer);
  free(g->stopped);
  for (size_t i = 0; i < g->nodes; i++) {
    free(g->node[i]->range);
    free(g->node[i]);
  }
  free(g->snapshot);
  free(g->node);
  for (size_t i = 0; i < g->lines; i++)
    tracking_forget(&g->line[i]);
  free(g->line);
  free(g->ended);
  free(g->tracers.item);
  free(g->inferior);
  content_store_free(g->contents);
  free(g);
}

static void forget(struct engine *g, const struct snapshot *s) {
  for (size_t i = 0; i < g->snapshots; i++)
    if (g->snapshot[i] == s) {
      memmove(&g->snapshot[i], &g->snapshot[i + 1], (g->snapshots - i - 1) * sizeof *g->snapshot);
      g->snapshots--;
      return;
    }
}

void process_free(struct process_state *s) {
  if (!s)
    return;
  template_end(s->engine, &s->template);
  lineage_drop(s->engine, s->node);
  descriptors_done(&s->descriptors);
  shared_memory_done(&s->shared);
  working_directory_done(&s->directory);
  threads_done(s);
  pending_done(&s->pending);
  timers_done(&s->timers);
  local_segments_done(&s->local_segments);
  free(s->auxiliary_vector);
  free(s->zombie);
  free(s->breakpoint);
  free(s->pad.missing);
  free(s->kept_out);
  free(s->probe);
  free(s->wiped);
  free(s->flags);
  memory_locks_done(&s->locks);
  free(s->views.item);
  free(s->adjustments.item);
  free(s);
}

void snapshot_free(struct snapshot *s) {
  if (!s)
    return;
  forget(s->engine, s);
  for (size_t i = 0; i < s->processes; i++)
    process_free(s->process[i]);
  free(s->process);
  system_v_done(&s->system_v);
  kept_files_done(&s->files);
  tracings_done(&s->tracings);
  free(s);
}

void snapshot_facts(const struct snapshot *s, struct snapshot_facts *ret) {
  *ret = (struct snapshot_facts){
      .pid = s->process[0]->pid,
      .pause_us = s->pause_us,
      .pc = arch_pc(&s->process[0]->thread[0].registers),
  };
  for (size_t i = 0; i < s->processes; i++) {
    ret->threads += (unsigned)s->process[i]->threads;
    ret->copied += s->process[i]->shared.bytes;
  }
}

size_t snapshot_inferiors(const struct snapshot *s, pid_t *ret, size_t room) {
  size_t count = 0;
  for (size_t i = 0; i < s->processes; i++) {
    if (!s->process[i]->is_inferior)
      continue;
    if (count < room)
      ret[count] = s->process[i]->pid;
    count++;
  }
  return count;
}

static uint64_t kilobytes_of(const char *text, const char *key) {
  unsigned long n = 0;
  const char *at = strstr(text, key);
  return at && sscanf(at + strlen(key), "%lu", &n) == 1 ? n : 0;
}

static uint64_t process_memory(const struct process_state *s) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", s->template.pid);
  _cleanup_free_ char *text = NULL;
  uint64_t bytes = s->shared.bytes;
  if (file_read(path, 65536, &text, NULL) == 0)
    bytes += 1024 * (kilobytes_of(text, "Private_Clean:") + kilobytes_of(text, "Private_Dirty:"));
  return bytes;
}

uint64_t snapshot_memory(const struct snapshot *s) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < s->processes; i++)
    bytes += process_memory(s->process[i]);
  return bytes;
}

// NULL: none is the template of that number.
static struct process_state *template_owner(const struct snapshot *s, pid_t pid) {
  for (size_t i = 0; i < s->processes; i++)
    if (s->process[i]->template.pid == pid)
      return s->process[i];
  return NULL;
}

bool engine_traces_by_debugger(const struct engine *g, pid_t pid) {
  for (size_t i = 0; g->debugger && i < g->inferiors; i++)
    if (g->inferior[i] == pid)
      return true;
  return false;
}

bool engine_owns(const struct engine *g, pid_t pid) {
  for (size_t i = 0; i < g->writers; i++)
    if (g->writer[i] == pid)
      return true;
  for (size_t i = 0; i < g->snapshots; i++)
    if (template_owner(g->snapshot[i], pid))
      return true;
  for (size_t i = 0; i < g->ended_count; i++)
    if (g->ended[i].pid == pid)
      return true;
  return false;
}

bool engine_reaped(struct engine *g, pid_t pid, int status, struct snapshot **ret_lost) {
  (void)status;
  *ret_lost = NULL;
  for (size_t i = 0; i < g->writers; i++)
    if (g->writer[i] == pid) {
      g->writer[i] = g->writer[--g->writers];
      return true;
    }
  for (size_t i = 0; i < g->snapshots; i++) {
    struct process_state *s = template_owner(g->snapshot[i], pid);
    if (!s)
      continue;
    executor_forget(s->template.x);
    s->template = (struct template){0};
    template_note_end(g, pid);
    *ret_lost = g->snapshot[i];
    return true;
  }
  return false;
}
