// SPDX-License-Identifier: EPL-2.0
// Children that have ended and have not been waited for: their numbers and how they ended.
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/tree.h"
#include "trace/wait.h"

// What waitid(2) would tell the process of its child: 1; 0: nothing; -1.
static int news_of(struct executor *main, pid_t pid, int what, siginfo_t *ret, struct error *e) {
  struct batch *b = batch_new();
  size_t at = batch_data(b, NULL, sizeof *ret);
  (void)CALL(b, SYS_waitid, NUMBER(P_PID), NUMBER(pid), POINTER(at), NUMBER(what | WNOHANG | WNOWAIT | __WALL),
             NUMBER(0));
  int r = executor_run(main, b, e);
  memcpy(ret, batch_at(b, at), sizeof *ret);
  bool is_told = r == 0 && batch_result(b, 0) == 0 && ret->si_pid;
  batch_free(b);
  return r < 0 ? -1 : is_told;
}

int stop_is_news(struct executor *main, pid_t pid, struct error *e) {
  siginfo_t ignored;
  return news_of(main, pid, WSTOPPED, &ignored, e);
}

static int look_at(struct process_state *s, struct executor *main, const struct member *m, struct error *e) {
  siginfo_t info;
  int r = news_of(main, m->pid, WEXITED, &info, e);
  if (r <= 0)
    return r;
  s->zombie = must_realloc(s->zombie, s->zombies + 1, sizeof *s->zombie);
  s->zombie[s->zombies++] = (struct zombie){.pid = m->pid,
                                            .start = m->start,
                                            .status = info.si_status,
                                            .is_exit = info.si_code == CLD_EXITED,
                                            .group = getpgid(m->pid),
                                            .session = getsid(m->pid)};
  return 0;
}

int zombies_capture(struct process_state *s, struct executor *main, struct error *e) {
  struct tree *t = s->engine->tree;
  for (size_t i = 0; t && i < t->count; i++) {
    struct member *m = &t->item[i];
    int r = 0;
    if (m->parent != s->pid)
      continue;
    if (m->is_zombie)
      r = look_at(s, main, m, e);
    else if (m->frozen.stopped)
      m->stop_is_news = (r = stop_is_news(main, m->pid, e)) > 0;
    if (r < 0)
      return -1;
  }
  return 0;
}

// ---- making one ----

static int take_end(pid_t pid, struct error *e) {
  int status = 0;
  if (wait_for_thread(pid, true, &status) == 0 && !WIFSTOPPED(status))
    return 0;
  (void)kill(pid, SIGKILL);
  return error_set(e, ERROR_FAILED, "process %d, which had ended at the snapshot, does not end again", pid);
}

static int exit_with(pid_t pid, uint64_t instruction, int status, struct error *e) {
  struct registers r;
  const uint64_t args[6] = {(uint64_t)status};
  if (ptrace(PTRACE_GETREGS, pid, 0, &r) < 0)
    return error_set_errno(e, -errno, "cannot end process %d as it had ended", pid);
  arch_start_call(&r, instruction, SYS_exit_group, args);
  if (ptrace(PTRACE_SETREGS, pid, 0, &r) < 0 || ptrace(PTRACE_CONT, pid, 0, 0) < 0)
    return error_set_errno(e, -errno, "cannot end process %d as it had ended", pid);
  return take_end(pid, e);
}

// Without a core file, and whatever the parent's handlers are that it has inherited.
static int die_by(struct executor *x, pid_t pid, int number, struct error *e) {
  static const uint64_t none, default_action[4];
  struct batch *b = batch_new();
  size_t action = batch_data(b, default_action, sizeof default_action);
  (void)CALL(b, SYS_rt_sigaction, NUMBER(number), POINTER(action), NUMBER(0), NUMBER(8));
  int r = executor_run(x, b, e), status = 0;
  batch_free(b);
  executor_forget(x);
  (void)prlimit(pid, RLIMIT_CORE, &(struct rlimit){0}, NULL);
  // One that is killed leaves its stop by itself.
  if (r < 0 || ptrace(PTRACE_SETSIGMASK, pid, 8, &none) < 0 || kill(pid, number) < 0 ||
      (ptrace(PTRACE_CONT, pid, 0, 0) < 0 && errno != ESRCH))
    return error_set_errno(e, -errno, "cannot end process %d as it had ended", pid);
  for (int i = 0; i < 8 && wait_for_thread(pid, true, &status) == 0 && WIFSTOPPED(status); i++)
    (void)ptrace(PTRACE_CONT, pid, 0, status >> 16 || WSTOPSIG(status) != number ? 0 : number);
  if (!WIFSTOPPED(status))
    return 0;
  (void)kill(pid, SIGKILL);
  return take_end(pid, e);
}

int zombie_make(struct process_state *parent, struct executor *main, const struct zombie *z, struct error *e) {
  struct executor *x;
  if (process_fork(main, NULL, z->pid, e) < 0 ||
      executor_adopt(executor_self(), z->pid, executor_area(main), executor_instruction(main), true, &x, e) < 0)
    return -1;
  (void)relatives_take_place(x, z->group, z->session, e);
  if (!z->is_exit)
    return die_by(x, z->pid, z->status, e);
  executor_forget(x);
  return exit_with(z->pid, parent->instruction, z->status, e);
}
