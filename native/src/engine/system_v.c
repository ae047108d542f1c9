// SPDX-License-Identifier: EPL-2.0
// System V objects of the session: what a capture and a rewind do about them.
#include "engine/state.h"

void engine_hold_system_v(struct engine *g) { g->holds_system_v = true; }

// ---- capture ----

// A debugger that is captured with its program has a snapshot of its own.
int objects_capture(struct process_state *s, struct error *e) {
  struct engine *g = s->engine;
  if (!g->holds_system_v || g->has_system_v || s->pid == g->debugger)
    return 0;
  g->has_system_v = true;
  return system_v_capture(&g->system_v, e);
}

void objects_take(struct engine *g, struct system_v *ret) {
  *ret = g->system_v;
  g->system_v = (struct system_v){0};
  g->has_system_v = false;
}

void objects_forget(struct engine *g) {
  system_v_done(&g->system_v);
  g->has_system_v = false;
}

const struct system_v *objects_of(const struct process_state *s) {
  static const struct system_v none;
  const struct engine *g = s->engine;
  for (size_t i = 0; i < g->snapshots; i++)
    for (size_t k = 0; k < g->snapshot[i]->processes; k++)
      if (g->snapshot[i]->process[k] == s)
        return &g->snapshot[i]->system_v;
  return &none;
}

// ---- rewind ----

int objects_plan(struct snapshot *whole, struct error *e) {
  struct engine *g = whole->engine;
  objects_let_go(g);
  bool is_debugger = whole->process[0]->pid == g->debugger;
  g->system_v_back = g->holds_system_v && !is_debugger ? &whole->system_v : NULL;
  return g->system_v_back ? system_v_plan(g->system_v_back, e) : 0;
}

int objects_detach(struct process_state *s, struct executor *main, struct error *e) {
  const struct system_v *then = s->engine->system_v_back;
  return then ? system_v_detach_stale(main, then, &s->views, e) : 0;
}

int objects_put_back(struct engine *g, struct error *e) {
  return g->system_v_back ? system_v_put_back(g->system_v_back, e) : 0;
}

int objects_attach_all(struct process_state *s, struct executor *main, struct error *e) {
  for (size_t i = 0; i < s->views.count; i++)
    if (system_v_attach(main, &s->views.item[i], e) < 0)
      return -1;
  return 0;
}

int objects_adjust(struct process_state *s, struct executor *main, struct error *e) {
  const struct system_v *then = s->engine->system_v_back;
  return then && s->pid != s->engine->debugger ? semaphore_adjustments_put_back(main, then, &s->adjustments, e) : 0;
}

int objects_finish(struct engine *g, struct error *e) {
  int r = g->system_v_back ? system_v_finish(g->system_v_back, e) : 0;
  objects_let_go(g);
  return r;
}

void objects_let_go(struct engine *g) {
  if (g->system_v_back)
    system_v_let_go(g->system_v_back);
  g->system_v_back = NULL;
}
