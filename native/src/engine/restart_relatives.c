// SPDX-License-Identifier: EPL-2.0
// Restart: process groups, children that have ended, stops, and whose the terminal is.
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "engine/restart_state.h"

// ---- groups ----

static int fail_group(pid_t pid, pid_t group, int64_t r, struct error *e) {
  return error_set_errno(e, (int)r, "cannot put process %d into its process group %d", pid, group);
}

static int lead_groups(struct restarting_tree *t, struct error *e) {
  for (size_t i = 0; i < t->tree->count; i++) {
    const Snapback__Image__Process *p = t->tree->item[i].process;
    int64_t r = p->group == p->pid ? relatives_take_place(t->item[i].main, p->group, p->session, e) : 0;
    if (r < 0)
      return fail_group(p->pid, p->group, r, e);
  }
  return 0;
}

// The leader of the group has ended and been reaped: it lives once more until its group has a member.
static int join_led_by_nobody(struct executor *main, pid_t group, struct error *e) {
  struct executor *leader;
  int status;
  if (process_fork(main, NULL, group, e) < 0 ||
      executor_adopt(executor_self(), group, executor_area(main), executor_instruction(main), true, &leader, e) < 0)
    return -1;
  int64_t r = executor_call(leader, e, SYS_setpgid, 0, 0, 0, 0, 0, 0);
  if (r == 0)
    r = executor_call(main, e, SYS_setpgid, 0, (uint64_t)group, 0, 0, 0, 0);
  (void)kill(group, SIGKILL);
  executor_forget(leader);
  while (waitpid(group, &status, __WALL) == group && WIFSTOPPED(status))
    continue;
  (void)executor_call(main, e, SYS_wait4, (uint64_t)group, 0, __WALL, 0, 0, 0);
  return r < 0 ? fail_group(executor_pid(main), group, r, e) : 0;
}

static int join_groups(struct restarting_tree *t, struct error *e) {
  for (size_t i = 0; i < t->tree->count; i++) {
    const Snapback__Image__Process *p = t->tree->item[i].process;
    struct executor *main = t->item[i].main;
    if (relatives_take_place(main, p->group, p->session, e) < 0 && join_led_by_nobody(main, p->group, e) < 0)
      return -1;
  }
  return 0;
}

// ---- children that have ended ----

static int make_zombies(struct restarting *w, struct error *e) {
  for (size_t i = 0; i < w->r->process->n_zombie; i++) {
    const Snapback__Image__Zombie *from = w->r->process->zombie[i];
    struct zombie z = {.pid = from->pid,
                       .status = from->status,
                       .is_exit = !from->killed,
                       .group = from->group,
                       .session = from->session};
    int r = fault(FAULT_restart_zombie);
    if (r < 0)
      return error_set_errno(e, r, "cannot make process %d again, which had ended", z.pid);
    if (zombie_make(w->s, w->main, &z, e) < 0)
      return -1;
  }
  return 0;
}

int restart_join_groups(struct restarting_tree *t, struct error *e) {
  if (lead_groups(t, e) < 0)
    return -1;
  for (size_t i = 0; i < t->tree->count; i++)
    if (make_zombies(&t->item[i], e) < 0)
      return -1;
  return join_groups(t, e);
}

// ---- stops ----

static struct executor *parent_of(struct restarting_tree *t, size_t index) {
  for (size_t i = 0; i < index; i++)
    if (t->tree->item[i].process->pid == t->tree->item[index].process->parent)
      return t->item[i].main;
  return NULL;
}

int restart_stop(struct restarting_tree *t, size_t index, struct error *e) {
  const Snapback__Image__Process *p = t->tree->item[index].process;
  struct executor *parent = parent_of(t, index);
  if (!p->stopped)
    return 0;
  if (relatives_stop(p->pid, e) < 0)
    return -1;
  if (parent && !p->stop_is_news)
    relatives_take_news(parent, p->pid, true, e);
  return 0;
}

// ---- the terminal ----

// The first process has it if we had.
void restart_give_terminal(const struct restart_tree *t) {
  _cleanup_fd_ int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0 || tcgetpgrp(terminal) != t->item[0].process->pid)
    return;
  for (size_t i = 0; i < t->count; i++)
    if (t->item[i].process->foreground && t->item[i].process->group > 0 &&
        tcsetpgrp(terminal, t->item[i].process->group) == 0)
      return;
}
