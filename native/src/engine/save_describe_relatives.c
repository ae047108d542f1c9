// SPDX-License-Identifier: EPL-2.0
// What an image tells of a process among others: its parent, its children that have ended, and how it stands with both.
#include "base/memory.h"
#include "engine/save_state.h"

// The program's parent is the supervisor, or the debugger: whoever restarts it has another one.
static pid_t parent_of(const Snapback__Image__Image *image, const struct process_state *s) {
  for (size_t i = 0; i < image->n_process; i++)
    if (image->process[i]->pid == s->parent && !image->process[i]->is_debugger)
      return s->parent;
  return 0;
}

static Snapback__Image__Zombie *describe_zombie(const struct zombie *from) {
  Snapback__Image__Zombie *zombie = NEW(Zombie, ZOMBIE);
  zombie->pid = from->pid;
  zombie->group = from->group;
  zombie->session = from->session;
  zombie->killed = !from->is_exit;
  zombie->status = from->status;
  return zombie;
}

void save_describe_relatives(const struct describing *d, const struct process_state *s, Snapback__Image__Process *p) {
  p->parent = parent_of(d->image, s);
  p->stopped = s->stopped;
  p->stop_is_news = s->stop_is_news;
  for (size_t i = 0; i < s->threads && !s->is_inferior; i++)
    p->stop_waits = p->stop_waits || s->thread[i].stop_pending;
  p->subreaper = s->relatives.subreaper;
  p->parent_death_signal = s->relatives.parent_death_signal;
  for (size_t i = 0; i < s->zombies; i++)
    APPEND(p->zombie, p->n_zombie, describe_zombie(&s->zombie[i]));
}
