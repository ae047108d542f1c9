// SPDX-License-Identifier: EPL-2.0
// Signals that wait, and the timers that send some.
#include "engine/state.h"
#include "proc/status.h"

static void forget_pending(struct process_state *s) {
  for (size_t i = 0; i < s->threads; i++)
    pending_done(&s->thread[i].pending);
  pending_done(&s->pending);
}

// A debugger's own are left to it.
static int read_pending(struct frozen *f, struct process_state *s, struct error *e) {
  bool kept = s->pid == s->engine->debugger;
  forget_pending(s);
  for (size_t i = 0; i < s->threads; i++) {
    struct thread_state *t = &s->thread[i];
    struct process_status now;
    t->pending.kept = kept;
    if (status_read_thread(f->pid, t->tid, &now) < 0)
      continue;
    credentials_of(&now, &t->attributes.credentials);
    s->status.locked_kb = now.locked_kb;  // with our area, if all that is mapped is locked
    if (kept)
      continue;
    t->caught = now.caught;
    if (pending_read(f->tracer, f->pid, t->tid, false, now.pending, &t->pending, e) < 0 ||
        (i == 0 && pending_read(f->tracer, f->pid, t->tid, true, now.shared_pending, &s->pending, e) < 0))
      return -1;
  }
  return 0;
}

// A timer that runs out meanwhile has sent a signal which may not have been seen: look again. One that runs out all the
// time will do so once more.
int signals_capture(struct frozen *f, struct executor *main, struct process_state *s, struct error *e) {
  enum { LOOKS = 10 };
  struct timers before;
  // Most programs have none: then what has been read of them with everything else will do.
  if (!timers_run(&s->timers))
    return read_pending(f, s, e);
  bool steady = false;
  for (int i = 0; !steady && i < LOOKS; i++) {
    timers_done(&s->timers);
    if (timers_read(main, &before, e) < 0)
      return -1;
    bool runs = timers_run(&before);
    int r = read_pending(f, s, e) < 0 ? -1 : runs ? timers_read(main, &s->timers, e) : 0;
    steady = r == 0 && (!runs || timers_are_steady(&before, &s->timers));
    if (runs)
      timers_done(&before);
    else
      s->timers = before;
    if (r < 0)
      return -1;
  }
  return survey_timers(s, e);
}

// Each thread has taken all that waited when it was set.
int signals_put_back(struct process_state *s, struct executor *main, struct error *e) {
  return pending_put_back(main, 0, &s->pending, e);
}
