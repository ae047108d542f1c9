// SPDX-License-Identifier: EPL-2.0
// Restart: where the processes of a tree come from.
//
// The kernel gives a new process the parent and the session of the one that forks it. So each is forked by a process
// that has both; where there is none any more, one lives for a moment. It then executes its own program, unless that is
// the one of the process that has forked it.
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "engine/restart_state.h"

enum { NUMBERS_FROM = 20000, NOBODY = -1 };

// ---- the plan ----

static const Snapback__Image__Process *process_at(const struct restart_tree *t, size_t i) { return t->item[i].process; }

static int index_of(const struct restart_tree *t, pid_t pid) {
  for (size_t i = 0; i < t->count; i++)
    if (process_at(t, i)->pid == pid)
      return (int)i;
  return NOBODY;
}

// One before `end` that has that session, and (not NULL) that parent.
static int in_session(const struct restart_tree *t, size_t end, pid_t session, const pid_t *parent) {
  for (size_t i = 0; i < end; i++)
    if (process_at(t, i)->session == session && (!parent || process_at(t, i)->parent == *parent))
      return (int)i;
  return NOBODY;
}

static void be_born(struct restart *r, enum birth birth, int mother) {
  r->birth = birth;
  r->mother = (size_t)mother;
}

static int refuse(const struct restart *r, struct error *e) {
  return error_set(e, ERROR_REFUSED,
                   "process %d (%s) is in a session (number %d) into which it cannot be brought again, for its parent "
                   "has left it: save a snapshot without that process",
                   r->process->pid, r->process->thread[0]->name, r->process->session);
}

static int plan_child(struct restart_tree *t, size_t i, struct error *e) {
  struct restart *r = &t->item[i];
  const Snapback__Image__Process *p = r->process;
  int parent = index_of(t, p->parent), sibling = in_session(t, i, p->session, &p->parent);
  if (p->session == p->pid || process_at(t, (size_t)parent)->session == p->session)
    be_born(r, BIRTH_BY_PARENT, parent);
  else if (sibling != NOBODY)
    be_born(r, BIRTH_BY_SIBLING, sibling);
  else if (p->session > 0 && index_of(t, p->session) == NOBODY)
    be_born(r, BIRTH_BY_LEADER, parent);
  else
    return refuse(r, e);
  return 0;
}

static int plan_orphan(struct restart_tree *t, size_t i, struct error *e) {
  struct restart *r = &t->item[i];
  const Snapback__Image__Process *p = r->process;
  int same = in_session(t, i, p->session, NULL);
  if (p->session == p->pid || same != NOBODY)
    be_born(r, BIRTH_AS_ORPHAN, same == NOBODY ? 0 : same);
  else if (p->session > 0 && index_of(t, p->session) == NOBODY)
    be_born(r, BIRTH_AS_LEADERS_ORPHAN, 0);
  else
    return refuse(r, e);
  return 0;
}

int restart_plan_births(struct restart_tree *t, struct error *e) {
  for (size_t i = 1; i < t->count; i++)
    if ((process_at(t, i)->parent ? plan_child(t, i, e) : plan_orphan(t, i, e)) < 0)
      return -1;
  for (size_t i = 1; i < t->count; i++)
    restart_find_twin(&t->item[i], &t->item[t->item[i].mother]);
  return 0;
}

// ---- those that live for a moment ----

static bool is_in_image(const struct restart_tree *t, pid_t pid) {
  for (size_t i = 0; i < t->count; i++) {
    const Snapback__Image__Process *p = process_at(t, i);
    bool is_its = p->group == pid || p->session == pid;
    for (size_t k = 0; !is_its && k < p->n_thread; k++)
      is_its = p->thread[k]->tid == pid;
    for (size_t k = 0; !is_its && k < p->n_zombie; k++)
      is_its = p->zombie[k]->pid == pid || p->zombie[k]->group == pid;
    if (is_its)
      return true;
  }
  return false;
}

static pid_t free_number(const struct restart_tree *t) {
  pid_t pid = process_at(t, 0)->pid > NUMBERS_FROM ? 2 : NUMBERS_FROM;
  while (kill(pid, 0) == 0 || is_in_image(t, pid))
    pid++;
  return pid;
}

static int fork_of(struct executor *mother, struct executor *parent, pid_t pid, struct executor **ret,
                   struct error *e) {
  int r = fault(FAULT_restart_fork);
  if (r < 0)
    return error_set_errno(e, r, "cannot make process %d again", pid);
  if (process_fork(mother, parent, pid, e) < 0)
    return -1;
  return executor_adopt(executor_self(), pid, executor_area(mother), executor_instruction(mother), true, ret, e);
}

// Its parent, which is held, is made to reap it.
static int end_helper(struct executor *helper, struct executor *parent, struct error *e) {
  pid_t pid = executor_pid(helper);
  int status;
  (void)kill(pid, SIGKILL);
  executor_forget(helper);
  while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
    continue;
  return executor_call(parent, e, SYS_wait4, (uint64_t)pid, 0, __WALL, 0, 0, 0) == -EIO ? -1 : 0;
}

static int lead_session(struct executor *helper, struct error *e) {
  int64_t r = executor_call(helper, e, SYS_setsid, 0, 0, 0, 0, 0, 0);
  return r < 0 ? error_set_errno(e, (int)r, "cannot make the terminal session %d again", executor_pid(helper)) : 0;
}

static int through_helper(struct restarting_tree *t, const struct restart *r, struct executor **ret, struct error *e) {
  bool leads = r->birth != BIRTH_AS_ORPHAN;
  pid_t number = leads ? r->process->session : free_number(t->tree);
  struct executor *mother = t->item[r->mother].main, *helper;
  if (fork_of(mother, NULL, number, &helper, e) < 0)
    return -1;
  int result = leads ? lead_session(helper, e) : 0;
  if (result == 0)
    result = fork_of(helper, r->birth == BIRTH_BY_LEADER ? mother : NULL, r->process->pid, ret, e);
  return end_helper(helper, mother, e) < 0 ? -1 : result;
}

// ---- a birth ----

static int be_forked(struct restarting_tree *t, const struct restart *r, struct executor **ret, struct error *e) {
  struct executor *mother = t->item[r->mother].main;
  int parent = index_of(t->tree, r->process->parent);
  if (r->birth == BIRTH_BY_PARENT)
    return fork_of(mother, NULL, r->process->pid, ret, e);
  if (r->birth == BIRTH_BY_SIBLING)
    return fork_of(mother, t->item[parent].main, r->process->pid, ret, e);
  return through_helper(t, r, ret, e);
}

// It goes on with the mother's memory, and with our area in it.
static int be_twin(struct restarting *w, const struct restarting *mother, struct executor *x, struct error *e) {
  w->s->area = executor_area(x);
  w->s->instruction = executor_instruction(x);
  w->vdso = mother->vdso;
  executor_forget(x);
  return executor_adopt(executor_self(), w->f.pid, w->s->area, w->s->instruction, false, &w->main, e);
}

int restart_birth(struct restarting_tree *t, size_t index, struct error *e) {
  struct restarting *w = &t->item[index];
  const Snapback__Image__Process *p = w->r->process;
  struct executor *x;
  if (w->r->birth == BIRTH_BY_CALLER)
    return 0;
  if (be_forked(t, w->r, &x, e) < 0)
    return -1;
  w->f.count = 1;
  (void)executor_call(x, NULL, SYS_personality, p->personality, 0, 0, 0, 0, 0);
  if (p->session == p->pid && lead_session(x, e) < 0) {
    executor_forget(x);
    return -1;
  }
  if (w->r->twin && restart_can_be_twin(w->r, executor_area(x)))
    return be_twin(w, &t->item[w->r->mother], x, e);
  w->r->twin = NULL;
  return exec_again(p->pid, x, w->r->executable, e);
}
