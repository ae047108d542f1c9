// SPDX-License-Identifier: EPL-2.0
// A rewind of all processes: a process that has ended, or is another one now, is a copy of its parent at first.
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/tree_rewind.h"

enum { NUMBERS_FROM = 20000 };

static int take_place(struct executor *x, const struct process_state *s, struct error *e) {
  int64_t r = relatives_take_place(x, s->group, s->session, e);
  return r < 0 ? error_set_errno(e, (int)r, "cannot put process %d back into its process group", s->pid) : 0;
}

// The copy has its parent's area, which it gives back.
static int settle_copy(struct part *p, const struct process_state *of, struct executor *parent, struct error *e) {
  struct executor *x;
  p->frozen =
      (struct frozen){.tracer = executor_self(), .pid = p->s->pid, .tid = must_alloc(sizeof(pid_t)), .count = 1};
  p->frozen.tid[0] = p->s->pid;
  if (executor_adopt(executor_self(), p->s->pid, executor_area(parent), executor_instruction(parent), false, &x, e) < 0)
    return -1;
  if (take_place(x, p->s, e) < 0) {
    executor_forget(x);
    return -1;
  }
  return is_copy_of(p->s, of) ? executor_close(x, e) : exec_copy(p->s, &p->frozen, x, e);
}

int open_parent(struct tree_rewinding *t, pid_t pid, struct executor **ret) {
  struct part *parent = part_of(t, pid);
  *ret = parent->w.main;
  if (*ret)
    return 0;
  return executor_open_at(executor_self(), pid, pid, parent->s->area, ret, t->e);
}

int close_parent(struct tree_rewinding *t, struct executor *x) {
  for (size_t i = 0; x && i < t->whole->processes; i++)
    if (t->part[i].w.main == x)
      return 0;
  return executor_close(x, t->e);
}

static bool names(const struct process_state *s, pid_t pid) {
  bool is_its = s->pid == pid || s->group == pid || s->session == pid;
  for (size_t i = 0; !is_its && i < s->threads; i++)
    is_its = s->thread[i].tid == pid;
  for (size_t i = 0; !is_its && i < s->zombies; i++)
    is_its = s->zombie[i].pid == pid || s->zombie[i].group == pid;
  return is_its;
}

static bool snapshot_names(const struct snapshot *whole, pid_t pid) {
  for (size_t i = 0; i < whole->processes; i++)
    if (names(whole->process[i], pid))
      return true;
  return false;
}

// For a process that lives for a moment.
static pid_t free_number(const struct snapshot *whole) {
  pid_t pid = whole->process[0]->pid > NUMBERS_FROM ? 2 : NUMBERS_FROM;
  while (kill(pid, 0) == 0 || snapshot_names(whole, pid))
    pid++;
  return pid;
}

// The helper, its parent, ends as soon as it is there.
static int fork_orphan(struct tree_rewinding *t, struct executor *foster, pid_t pid) {
  struct executor *helper;
  int status;
  pid_t number = free_number(t->whole);
  if (process_fork(foster, NULL, number, t->e) < 0 ||
      executor_adopt(executor_self(), number, executor_area(foster), executor_instruction(foster), true, &helper,
                     t->e) < 0)
    return -1;
  int r = process_fork(helper, NULL, pid, t->e);
  (void)kill(number, SIGKILL);
  executor_forget(helper);
  while (waitpid(number, &status, __WALL) == number && WIFSTOPPED(status))
    continue;
  return executor_call(foster, t->e, SYS_wait4, (uint64_t)number, 0, __WALL, 0, 0, 0) == -EIO ? -1 : r;
}

int make_copy_of(struct tree_rewinding *t, struct part *p) {
  struct executor *x;
  bool is_orphan = p->s->parent == getpid();
  const struct part *mother = is_orphan ? foster_of(t, p->s) : part_of(t, p->s->parent);
  if (open_parent(t, mother->s->pid, &x) < 0)
    return -1;
  int r = is_orphan ? fork_orphan(t, x, p->s->pid) : process_fork(x, NULL, p->s->pid, t->e);
  if (r == 0 && is_orphan)
    r = relatives_drop_signal(mother->s, x, t->e);
  if (r == 0)
    r = settle_copy(p, mother->s, x, t->e);
  return close_parent(t, x) < 0 ? -1 : r;
}
