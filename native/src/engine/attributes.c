// SPDX-License-Identifier: EPL-2.0
// Attributes of processes and threads: what a capture and a rewind do about them.
#include <stdio.h>
#include <string.h>

#include "engine/state.h"
#include "proc/status.h"

// The flags of mappings take a walk through all pages: they are read only where anything is locked, be it our area.
int locks_capture(struct executor *main, struct process_state *s, struct error *e) {
  return s->status.locked_kb ? memory_locks_read(main, &s->locks, e) : 0;
}

int locks_put_back(struct process_state *s, struct executor *main, struct error *e) {
  int r = memory_locks_put_back(main, &s->locks, e);
  if (r > 0)
    shortfalls_add(&s->engine->shortfalls, "memory locks");
  return r < 0 ? -1 : 0;
}

static bool is_thread_lost(const struct process_state *s, const struct thread_state *t) {
  struct process_status status;
  struct thread_attributes now = {0};
  if (status_read_thread(s->pid, t->tid, &status) < 0 || thread_attributes_read(t->tid, &now) < 0)
    return false;
  credentials_of(&status, &now.credentials);
  return thread_attributes_are_lost(&now, &t->attributes, &s->attributes);
}

// Outside a session's own namespace nothing can be made anew: what comes back is what the user may.
bool attributes_are_lost(const struct process_state *s) {
  if (s->engine->on_host)
    return false;
  for (size_t i = 0; i < s->threads; i++)
    if (is_thread_lost(s, &s->thread[i]))
      return true;
  return process_limits_are_lost(s->pid, &s->attributes);
}

int attributes_put_back(struct process_state *s, struct executor *main, struct error *e) {
  for (size_t i = 0; s->engine->on_host && i < s->threads; i++)
    if (is_thread_lost(s, &s->thread[i]))
      shortfalls_add(&s->engine->shortfalls, "rights that were given up");
  return memory_fields_put_back(s, main, e) < 0
             ? -1
             : process_attributes_put_back(main, &s->attributes, &s->engine->shortfalls, e);
}

void engine_tell_shortfalls(struct engine *g, struct rewind_report *report) {
  size_t used = strlen(report->note);
  if (g->shortfalls.text[0])
    (void)snprintf(report->note + used, sizeof report->note - used, "%sOnly root could put back: %s.", used ? " " : "",
                   g->shortfalls.text);
  g->shortfalls = (struct shortfalls){0};
}
