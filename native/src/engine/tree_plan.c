// SPDX-License-Identifier: EPL-2.0
// A rewind of all processes: which are put back in place, and which have to be made again.
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/host.h"
#include "engine/tree_rewind.h"

struct part *part_of(const struct tree_rewinding *t, pid_t pid) {
  for (size_t i = 0; i < t->whole->processes; i++)
    if (t->part[i].s->pid == pid)
      return &t->part[i];
  return NULL;
}

// ---- what becomes of whom ----

bool is_first(const struct tree_rewinding *t, const struct process_state *s) { return s == t->whole->process[0]; }

bool is_debugged(const struct tree_rewinding *t) {
  return t->engine->debugger && t->engine->debugger != t->whole->process[0]->pid;
}

bool is_root(const struct tree_rewinding *t, const struct process_state *s) {
  return is_first(t, s) || (s->is_inferior && !part_of(t, s->parent));
}

static bool has_its_parent(const struct tree_rewinding *t, const struct process_state *s, const struct member *m) {
  const struct part *parent = part_of(t, s->parent);
  if (is_root(t, s) && is_debugged(t))
    return true;
  if (stands_alone(t->engine, s->pid, s->parent))
    return m->parent == s->parent || stands_alone(t->engine, s->pid, m->parent);
  return m->parent == s->parent && parent && parent->fate == KEPT;
}

static bool is_in_place(const struct tree_rewinding *t, const struct process_state *s) {
  const struct member *m = tree_find(&t->tree, s->pid);
  if (!m || m->is_zombie || has_other_executable(s) || attributes_are_lost(s) || !has_its_parent(t, s, m))
    return false;
  return (is_root(t, s) && m->is_traced) ||
         (lineage_identify(t->engine, s->pid) == s->identity && getsid(s->pid) == s->session);
}

bool is_copy_of(const struct process_state *s, const struct process_state *parent) {
  return s->executable_device == parent->executable_device && s->executable_inode == parent->executable_inode &&
         s->auxiliary_size == parent->auxiliary_size &&
         memcmp(s->auxiliary_vector, parent->auxiliary_vector, s->auxiliary_size) == 0;
}

static int refuse(const struct process_state *s, const char *why, struct error *e) {
  return error_set(
      e, ERROR_REFUSED,
      "process %d (%s) has ended since, or is another program now, and cannot be made again, for %s: rewind "
      "to a snapshot without it",
      s->pid, s->thread[0].name, why);
}

// A process can join a session or a group only from where its parent is.
static int check_group(const struct tree_rewinding *t, const struct process_state *s, struct error *e) {
  const struct part *parent = part_of(t, s->parent), *leader = part_of(t, s->group);
  if (parent && s->session != parent->s->session && s->session != s->pid)
    return refuse(s, "its terminal session was that of a process that has ended before", e);
  if (parent && s->group != parent->s->group && s->group != s->pid && !leader)
    return refuse(s, "the leader of its process group has ended before", e);
  return 0;
}

static bool may_foster(const struct tree_rewinding *t, const struct part *p, const struct process_state *s) {
  const struct part *above = p;
  while (above && !above->s->relatives.subreaper)
    above = part_of(t, above->s->parent);
  return !above && (p->s->session == s->session || s->session == s->pid);
}

// Best one that runs the same program: memory that they share has come to both by fork(2).
struct part *foster_of(const struct tree_rewinding *t, const struct process_state *s) {
  struct part *found = NULL;
  for (size_t i = 0; i < t->whole->processes && t->part[i].s != s; i++) {
    struct part *p = &t->part[i];
    if (!may_foster(t, p, s))
      continue;
    if (is_copy_of(s, p->s))
      return p;
    found = found ? found : p;
  }
  return found;
}

static int check_orphan(const struct tree_rewinding *t, const struct process_state *s, struct error *e) {
  if (!foster_of(t, s))
    return refuse(s, "all others of its terminal session have ended before", e);
  return check_group(t, s, e);
}

static int check_made(const struct tree_rewinding *t, const struct process_state *s, struct error *e) {
  const struct part *parent = part_of(t, s->parent);
  if (t->engine->on_host)
    return host_refuse_process(s, e);
  if (is_root(t, s))
    return 0;
  if (s->parent == getpid())
    return check_orphan(t, s, e);
  if (!parent)
    return refuse(s, "its parent was none of the session's processes", e);
  return check_group(t, s, e);
}

static int check_traced(const struct part *p, struct error *e) {
  if (!p->traced || p->s->is_inferior)
    return 0;
  return error_set(e, ERROR_REFUSED,
                   "gdb traces process %d (%s), and did not when the snapshot was taken: detach it first (\"info "
                   "inferiors\", \"detach inferiors\")",
                   p->s->pid, p->s->thread[0].name);
}

// What the debugger holds and cannot go on has to be ended by it.
static void decide_who_goes(struct tree_rewinding *t) {
  for (size_t i = 0; i < t->inferiors; i++) {
    const struct part *p = part_of(t, t->inferior[i].frozen.pid);
    t->inferior[i].must_go = !p || p->fate == MADE;
  }
}

int decide(struct tree_rewinding *t) {
  t->part = must_alloc(t->whole->processes * sizeof *t->part);
  for (size_t i = 0; i < t->whole->processes; i++) {
    struct process_state *s = t->whole->process[i];
    t->part[i] = (struct part){.s = s, .fate = MADE, .traced = inferior_find(t->inferior, t->inferiors, s->pid)};
  }
  for (size_t i = 0; i < t->whole->processes; i++) {
    struct part *p = &t->part[i];
    p->fate = is_in_place(t, p->s) ? KEPT : MADE;
    if (check_traced(p, t->e) < 0 || (p->fate == MADE && check_made(t, p->s, t->e) < 0))
      return -1;
  }
  decide_who_goes(t);
  return 0;
}

bool has_to_wait(const struct tree_rewinding *t) {
  for (size_t i = 0; i < t->inferiors; i++)
    if (t->inferior[i].must_go)
      return true;
  return false;
}

// The debugger has to attach to some first, and all are put back once more then. What it holds waits for that: gdb
// would keep the end of a thread to itself while it attaches.
bool lacks_inferiors(const struct tree_rewinding *t) {
  for (size_t i = 0; i < t->whole->processes; i++)
    if (t->part[i].s->is_inferior && !t->part[i].traced)
      return true;
  return false;
}

// ---- children that have ended ----

static const struct zombie *zombie_of(const struct process_state *s, pid_t pid) {
  for (size_t i = 0; s && i < s->zombies; i++)
    if (s->zombie[i].pid == pid)
      return &s->zombie[i];
  return NULL;
}

bool stays_zombie(const struct tree_rewinding *t, const struct member *m) {
  const struct part *parent = part_of(t, m->parent);
  const struct zombie *z = parent ? zombie_of(parent->s, m->pid) : NULL;
  return z && m->is_zombie && !m->was_ended && parent->fate == KEPT && z->start == m->start;
}

int check_zombies(const struct tree_rewinding *t) {
  for (size_t i = 0; t->engine->on_host && i < t->whole->processes; i++) {
    const struct process_state *s = t->part[i].s;
    for (size_t k = 0; k < s->zombies; k++) {
      const struct member *m = tree_find(&t->tree, s->zombie[k].pid);
      if (!m || !stays_zombie(t, m))
        return host_refuse_zombie(s->zombie[k].pid, s->pid, t->e);
    }
  }
  return 0;
}
