// SPDX-License-Identifier: EPL-2.0
// A debugger's session that begins with the program of an image.
#include "session/debugger_image.h"

#include "base/memory.h"
#include "session/debugger.h"
#include "session/debugger_state.h"
#include "session/restart.h"
#include "session/supervisor.h"
#include "session/text.h"

static struct snapshot_entry *entry_of(const struct image *image, struct snapshot *snapshot) {
  const Snapback__Image__Image *m = image_metadata(image);
  const Snapback__Image__Place *p = m->place;
  struct snapshot_facts facts;
  snapshot_facts(snapshot, &facts);
  struct snapshot_entry *entry = held_entry(m->name, snapshot, p ? p->thread : facts.pid);
  if (!p)
    return entry;
  entry->place = (struct place){
      .function = text_clean(must_strdup(p->function)),
      .file = text_clean(must_strdup(p->file)),
      .reason = text_clean(must_strdup(p->reason)),
      .line = p->line,
      .pc = p->pc,
  };
  return entry;
}

int debugger_open_image(struct session *s, struct error *e) {
  const struct debugger_options *options = session_options(s)->kind_options;
  struct restart_tree *restart;
  struct snapshot *snapshot;
  if (session_restart_begin(s, options->image, &restart, e) < 0)
    return -1;
  int r = debugged_restart(session_engine(s), restart, &snapshot, e);
  restart_free(restart);
  if (r == 0)
    session_add(s, entry_of(options->image->image, snapshot));
  return r;
}

// ---- gdb too ----

// The program comes before its debugger, which opens its memory, and is parked until that attaches.
static int start_both(struct session *s, const struct restart_order *order, struct snapshot *inferior,
                      struct error *e) {
  struct restart_tree *restart;
  struct rewind_report report = {0};
  if (session_restart_begin(s, order, &restart, e) < 0)
    return -1;
  int r = debugged_rebuild(session_engine(s), inferior, s->first, &report, e);
  if (r == 0)
    r = engine_restart(session_engine(s), restart, e);
  restart_free(restart);
  return r;
}

static const Snapback__Image__OpenFile *open_file(const Snapback__Image__Image *m, uint32_t id) {
  for (size_t i = 0; i < m->n_open_file; i++)
    if (m->open_file[i]->id == id)
      return m->open_file[i];
  return NULL;
}

// Its two channels have the numbers that they had.
static void find_channels(const Snapback__Image__Image *m, struct debugger *d) {
  for (size_t n = 0; n < m->n_process; n++)
    for (size_t i = 0; i < m->process[n]->n_descriptor; i++) {
      const Snapback__Image__OpenFile *f = open_file(m, m->process[n]->descriptor[i]->open_file);
      if (f && f->kind == SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_CHANNEL)
        d->channel_numbers[f->outside_number == 1] = m->process[n]->descriptor[i]->number;
    }
}

static bool is_numbered(const struct held *held, pid_t pid) {
  for (size_t i = 0; i < held->inferiors; i++)
    if (held->numbered[i].pid == pid)
      return true;
  return false;
}

static int adopt_all(struct session *s, const Snapback__Image__Image *m, const struct held *held, struct error *e) {
  for (size_t i = 0; i < m->n_process; i++)
    if (is_numbered(held, m->process[i]->pid) && debugged_adopt(s->first, m->process[i], e) < 0)
      return -1;
  return 0;
}

int debugger_restart(struct session *s, const int channel[2], struct error *e) {
  const struct debugger_options *options = session_options(s)->kind_options;
  struct debugger *d = session_data(s);
  struct restart_order order = *options->image;
  order.options.debugger = true;
  order.options.channel[0] = channel[0];
  order.options.channel[1] = channel[1];
  if (debugger_open_image(s, e) < 0)
    return -1;
  const struct snapshot_entry *entry = session_snapshot(s, 0);
  const struct held *held = entry->held;
  if (start_both(s, &order, held->inferior, e) < 0 || adopt_all(s, image_metadata(order.image), held, e) < 0)
    return -1;
  d->pid = s->first;
  d->inferior = held->numbered[0].pid;
  d->state = SESSION_STOPPED;
  d->greeted = true;
  find_channels(image_metadata(order.image), d);
  return move_resume(d, entry, e);
}
