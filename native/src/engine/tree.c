// SPDX-License-Identifier: EPL-2.0
// Holding a whole session, and who is whose child in it.
#include "engine/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/host.h"
#include "proc/status.h"

struct member *tree_find(const struct tree *t, pid_t pid) {
  for (size_t low = 0, high = t ? t->count : 0; low < high;) {
    size_t middle = (low + high) / 2;
    if (t->item[middle].pid == pid)
      return &t->item[middle];
    if (t->item[middle].pid < pid)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static void insert(struct tree *t, const struct member *m) {
  array_reserve(t->item, t->count, t->capacity);
  size_t at = t->count++;
  for (; at > 0 && t->item[at - 1].pid > m->pid; at--)
    t->item[at] = t->item[at - 1];
  t->item[at] = *m;
}

// What a debugger traces is held by its own calls, not by ours.
static bool is_passed_over(const struct engine *g, pid_t pid) {
  return pid == getpid() || engine_owns(g, pid) || engine_traces_by_debugger(g, pid);
}

// The debugger has traced it, and has let it go.
static bool was_traced(struct engine *g, const struct tree *t, pid_t pid) {
  for (size_t i = 0; t->whole && i < t->whole->processes; i++) {
    const struct process_state *s = t->whole->process[i];
    if (s->pid == pid && s->is_inferior)
      return lineage_identify(g, pid) == s->identity;
  }
  return false;
}

// Under a debugger: what it has started besides the program is none of ours, and what has lost its parent is the
// program's.
static bool is_another(struct engine *g, const struct tree *t, pid_t pid) {
  enum { GENERATIONS = 1000 };
  for (int i = 0; t->debugger && i < GENERATIONS; i++) {
    struct process_status s;
    if (was_traced(g, t, pid))
      return false;
    if (pid == g->debugger || status_read(pid, &s) < 0 || s.parent == g->debugger)
      return true;
    const struct member *parent = tree_find(t, s.parent);
    if ((parent && parent->is_traced) || s.parent == getpid())
      return false;
    pid = s.parent;
  }
  return t->debugger;
}

// One that it has been told of (catch fork), and follows or lets go when it goes on.
static int refuse_debugged(pid_t pid, struct error *e) {
  char name[32];
  process_name(pid, name, sizeof name);
  return error_set(e, ERROR_BUSY,
                   "gdb has yet to follow the program's new process %d (%s), or to let it go: let the program go on a "
                   "little first",
                   pid, name);
}

// `*ret`: its status, otherwise.
static bool has_gone(pid_t pid, struct process_status *ret, bool *ret_is_zombie) {
  if (status_read(pid, ret) < 0 || ret->state == 'X')
    return true;
  *ret_is_zombie = ret->state == 'Z' && process_is_zombie(pid);
  return false;
}

// One that ended while it was being held shows to its parent only when we, its tracer, have taken the end.
static void give_to_parent(pid_t pid) {
  struct process_status s;
  int status;
  if (status_read(pid, &s) == 0 && s.parent != getpid() && s.tracer == getpid())
    (void)waitpid(pid, &status, __WALL | WNOHANG);
}

// Who traces it, of the session's processes; 0: none.
static pid_t tracer_of(const struct engine *g, pid_t pid, pid_t tid) {
  struct process_status s;
  if (g->on_host || status_read_thread(pid, tid, &s) < 0 || !s.tracer || s.tracer == getpid() ||
      s.tracer == g->debugger)
    return 0;
  return status_read(s.tracer, &s) < 0 ? 0 : s.tgid;
}

static int refuse_under_way(struct tree *t, pid_t pid, pid_t tracer, struct error *e) {
  char name[32], other[32];
  process_name(pid, name, sizeof name);
  process_name(tracer, other, sizeof other);
  t->is_under_way = true;
  return error_set(
      e, ERROR_BUSY,
      "process %d (%s) is traced by process %d (%s), and both are in the middle of something that cannot be "
      "held: try again",
      pid, name, tracer, other);
}

static int hold(struct engine *g, struct tree *t, pid_t pid, struct error *e);

// Its tracers are held before it is taken over from them. 1: there were some; 0; -1.
static int take_from_tracers(struct engine *g, struct tree *t, pid_t pid, struct error *e) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count;
  pid_t tracer = 0;
  if (thread_list(pid, &list, &count) < 0)
    return 0;
  for (size_t i = 0; i < count; i++) {
    pid_t another = tracer_of(g, pid, list[i]);
    if (another && !tree_find(t, another) && hold(g, t, another, e) < 0)
      return -1;
    tracer = another ? another : tracer;
  }
  int r = tracer ? tracings_take(t, pid, e) : 0;
  return r > 0 ? refuse_under_way(t, pid, tracer, e) : r < 0 ? -1 : tracer != 0;
}

// An end that the tracer has yet to hear of, and then the parent, which is another one.
static int check_traced_zombie(struct engine *g, struct tree *t, pid_t pid, struct error *e) {
  struct process_status s;
  pid_t tracer = tracer_of(g, pid, pid);
  return tracer && status_read(pid, &s) == 0 && s.parent != tracer ? refuse_under_way(t, pid, tracer, e) : 0;
}

// Of several threads each can have a tracer of its own.
static bool may_be_traced(const struct process_status *s) { return s->tracer || s->threads > 1; }

// 1: the session is to be listed again; 0: it has gone; -1.
static int hold(struct engine *g, struct tree *t, pid_t pid, struct error *e) {
  struct member m = {.pid = pid};
  struct error why = {0};
  struct process_status s;
  if (has_gone(pid, &s, &m.is_zombie) || process_start_time(pid, &m.start) < 0)
    return 0;
  if (t->debugger && !m.is_zombie && s.tracer == t->debugger)
    return refuse_debugged(pid, e);
  int taken = m.is_zombie ? check_traced_zombie(g, t, pid, e) : may_be_traced(&s) ? take_from_tracers(g, t, pid, e) : 0;
  if (taken < 0)
    return -1;
  if (!m.is_zombie && freeze(pid, &m.frozen, &why) < 0) {
    t->is_under_way = t->is_under_way || taken || tracer_of(g, pid, pid);
    bool has_ended = has_gone(pid, &s, &m.is_zombie) || m.is_zombie;
    if (has_ended)
      give_to_parent(pid);
    else
      *e = why;
    return has_ended ? 1 : -1;
  }
  insert(t, &m);
  return 1;
}

// Those that run on while others are held may start more. In the order of their numbers parents come first, so that one
// that waits in vfork(2) gets to its stop when its child has executed another program.
static int hold_all(struct engine *g, struct tree *t, struct error *e) {
  bool again = true;
  while (again) {
    _cleanup_free_ pid_t *list = NULL;
    size_t count;
    int r = session_processes(g, &list, &count);
    if (r < 0)
      return error_set_errno(e, r, "cannot list the processes of the session");
    again = false;
    for (size_t i = 0; i < count; i++) {
      if (t->only ? list[i] != t->only : is_passed_over(g, list[i]))
        continue;
      if (tree_find(t, list[i]) || is_another(g, t, list[i]))
        continue;
      r = hold(g, t, list[i], e);
      if (r < 0)
        return -1;
      again = again || r > 0;
    }
  }
  return 0;
}

static bool descends_from(const struct tree *t, const struct member *m, pid_t ancestor) {
  while (m && m->parent != ancestor)
    m = tree_find(t, m->parent);
  return m;
}

// An orphan's true parent is not known: it may be a grandchild of anyone who was there before it. Nobody has been
// forked by one of its own offspring, though, also where both began in the same tick of the clock.
static bool may_have_forked(const struct tree *t, const struct member *m, const struct member *orphan) {
  return m->pid != orphan->pid && !m->is_zombie && m->start <= orphan->start && !descends_from(t, m, orphan->pid);
}

// What was held when it came to rest has the same parent still, if that was held before it, or is us.
static void read_status(const struct tree *t, struct member *m) {
  m->status = m->frozen.status;
  m->parent = m->status.parent;
  if (m->status.state && (m->parent == getpid() || (m->parent < m->pid && tree_find(t, m->parent))))
    return;
  m->parent = status_read(m->pid, &m->status) == 0 ? m->status.parent : 0;
}

static void find_offspring(struct tree *t) {
  const pid_t self = getpid();
  for (size_t i = 0; i < t->count; i++)
    read_status(t, &t->item[i]);
  for (size_t i = 0; i < t->count; i++) {
    const struct member *m = &t->item[i];
    struct member *parent = m->is_zombie ? NULL : tree_find(t, m->parent);
    for (; parent && !parent->has_offspring; parent = tree_find(t, parent->parent))
      parent->has_offspring = true;
    for (size_t k = 0; !m->is_zombie && m->parent == self && k < t->count; k++)
      if (may_have_forked(t, &t->item[k], m))
        t->item[k].has_offspring = true;
  }
}

// Who among them has forked a process that has left the tree since is not known.
static void share_all(struct tree *t) {
  for (size_t i = 0; i < t->count; i++)
    t->item[i].has_offspring = t->item[i].has_offspring || !t->item[i].is_zombie;
}

static bool has_time(uint64_t since_us) {
  enum { PATIENCE_US = 5000000, PAUSE_NS = 500000 };
  (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  return now_us() - since_us < PATIENCE_US;
}

// They are held by others, and in the list from the beginning.
static void insert_inferiors(struct tree *t) {
  for (size_t i = 0; i < t->inferiors; i++) {
    const pid_t pid = t->inferior[i].frozen.pid;
    struct member m = {.pid = pid, .frozen.pid = pid, .is_traced = true};
    if (!has_gone(pid, &m.status, &m.is_zombie) && process_start_time(pid, &m.start) == 0)
      insert(t, &m);
  }
}

// A tracer that is in the middle of something goes on with it in the pauses between the attempts; but for one that a
// debugger holds: whoever asks lets that go on, and asks again.
static int hold_patiently(struct engine *g, struct tree *t, struct error *e) {
  const struct tree as_new = *t;
  for (;;) {
    struct error why = {0};
    insert_inferiors(t);
    g->tree = t;
    freeze_spare(&t->tracings);
    if (hold_all(g, t, &why) == 0)
      return 0;
    bool is_under_way = t->is_under_way;
    tree_thaw(g, t);
    if (!is_under_way || as_new.inferiors || !has_time(as_new.since_us)) {
      *e = why;
      return -1;
    }
    *t = as_new;
    t->since_us = now_us();
  }
}

static void relate(struct engine *g, struct tree *t) {
  find_offspring(t);
  if (host_has_strays(g, t))
    share_all(t);
}

static int hold_tree(struct engine *g, struct tree *t, struct error *e) {
  if (hold_patiently(g, t, e) < 0)
    return -1;
  relate(g, t);
  return 0;
}

int tree_freeze(struct engine *g, struct tree *ret, struct error *e) {
  *ret = (struct tree){.since_us = now_us(), .tracers = &g->tracers};
  return hold_tree(g, ret, e);
}

int tree_freeze_debugger(struct engine *g, struct tree *ret, struct error *e) {
  *ret = (struct tree){.since_us = now_us(), .tracers = &g->tracers, .only = g->debugger};
  return hold_tree(g, ret, e);
}

int tree_freeze_around(struct engine *g, const struct inferior *list, size_t count, const struct snapshot *whole,
                       struct tree *ret, struct error *e) {
  *ret = (struct tree){.since_us = now_us(),
                       .tracers = &g->tracers,
                       .debugger = g->debugger,
                       .inferior = list,
                       .inferiors = count,
                       .whole = whole};
  return hold_tree(g, ret, e);
}

int tree_freeze_held(struct engine *g, struct frozen *list, size_t count, struct tree *ret, struct error *e) {
  *ret = (struct tree){.since_us = now_us(), .tracers = &g->tracers};
  for (size_t i = 0; i < count; i++) {
    struct member m = {.pid = list[i].pid, .frozen = list[i]};
    (void)process_start_time(m.pid, &m.start);
    insert(ret, &m);
    list[i] = (struct frozen){0};
  }
  g->tree = ret;
  if (hold_all(g, ret, e) < 0) {
    tree_thaw(g, ret);
    return -1;
  }
  relate(g, ret);
  return 0;
}

struct inferior *inferior_find(struct inferior *list, size_t count, pid_t pid) {
  for (size_t i = 0; i < count; i++)
    if (list[i].frozen.pid == pid)
      return &list[i];
  return NULL;
}

const struct frozen *inferior_threads(const struct inferior *list, size_t count, pid_t pid) {
  for (size_t i = 0; i < count; i++)
    if (list[i].frozen.pid == pid)
      return &list[i].frozen;
  return NULL;
}

void tree_thaw(struct engine *g, struct tree *t) {
  struct error ignored = {0};
  (void)tracings_give_back(&t->tracings, t->inferior, t->inferiors, &ignored);
  freeze_spare(NULL);
  for (size_t i = 0; i < t->count; i++)
    thaw(&t->item[i].frozen);
  pipe_ends_done(&t->writers);
  file_census_done(&t->files);
  sockets_release(t->sockets);
  shared_pool_done(&t->pool);
  free(t->item);
  *t = (struct tree){0};
  g->tree = NULL;
}

bool tree_shares_pages(const struct engine *g, pid_t pid) {
  const struct member *m = tree_find(g->tree, pid);
  return m && m->has_offspring;
}
