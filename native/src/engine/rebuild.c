// SPDX-License-Identifier: EPL-2.0
// Building a process anew from the template of a snapshot, under its old number.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/files.h"
#include "engine/state.h"
#include "proc/status.h"
#include "trace/journal.h"

static void take_ends_of_threads(pid_t pid) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count;
  int status;
  if (thread_list(pid, &list, &count) < 0)
    return;
  for (size_t i = 0; i < count; i++)
    if (list[i] != pid)
      (void)waitpid(list[i], &status, __WALL | WNOHANG);
}

// Ends a held process and takes its status: nobody is to hear of this end. Its main thread can be waited for only
// when all others have been, of which some may have ended by themselves.
void process_end(struct frozen *f) {
  int status;
  (void)kill(f->pid, SIGKILL);
  for (pid_t r = 0; r >= 0 && (r == 0 || WIFSTOPPED(status)); r = waitpid(f->pid, &status, __WALL | WNOHANG)) {
    take_ends_of_threads(f->pid);
    (void)nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
  }
  journal_let_process_go(f->pid);
  free(f->tid);
  *f = (struct frozen){0};
}

// The process group is a new one with the old number; the terminal has to be told.
static int join_group(struct process_state *s, struct executor *main, struct error *e) {
  int64_t r = 0;
  if (s->session == s->pid)
    r = executor_call(main, e, SYS_setsid, 0, 0, 0, 0, 0, 0);
  else if (s->group == s->pid)
    r = executor_call(main, e, SYS_setpgid, 0, 0, 0, 0, 0, 0);
  else if (s->group > 0)
    r = executor_call(main, e, SYS_setpgid, 0, (uint64_t)s->group, 0, 0, 0, 0);
  if (r < 0)
    return error_set_errno(e, (int)r, "cannot put process %d back into its process group", s->pid);
  _cleanup_fd_ int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal >= 0 && !s->engine->debugger && s->group == s->pid && s->was_foreground)
    (void)tcsetpgrp(terminal, s->group);
  return 0;
}

static int restore(struct frozen *f, struct process_state *s, struct executor *main, struct descriptor_plan *plan,
                   struct rewind_report *report, struct error *e) {
  process_limits_lift(s->pid);
  // A debugger that attaches to it has none inserted.
  return breakpoints_put_back(s, NULL, 0, e) < 0 || join_group(s, main, e) < 0 || kept_out_restore(s, main, e) < 0 ||
                 wiped_restore(s, main, e) < 0 || locks_put_back(s, main, e) < 0 ||
                 make_missing_threads(f, s, main, report, e) < 0 || objects_attach_all(s, main, e) < 0 ||
                 objects_adjust(s, main, e) < 0 || shared_memory_put_back(main, &s->shared, e) < 0 ||
                 descriptors_put_back(main, plan, &report->descriptors_changed, e) < 0 ||
                 set_threads_inside(f, s, main, 1, e) < 0 || relatives_put_back(s, main, e) < 0 ||
                 signals_put_back(s, main, e) < 0 || timers_put_back(main, &s->timers, e) < 0 ||
                 attributes_put_back(s, main, e) < 0
             ? -1
             : 0;
}

int rebuild(struct process_state *s, struct frozen *ret, struct rewind_report *report, struct error *e) {
  struct executor *main = NULL;
  struct descriptor_plan *plan = NULL;
  *report = (struct rewind_report){.rebuilt = true};
  if (files_put_back(s->engine, e) < 0)
    return -1;
  if (template_clone(&s->template, s->pid, e) < 0)
    return -1;
  *ret = (struct frozen){.tracer = executor_self(), .pid = s->pid, .tid = must_alloc(sizeof(pid_t)), .count = 1};
  ret->tid[0] = s->pid;
  int r = executor_adopt(executor_self(), s->pid, s->area, s->instruction, false, &main, e);
  if (s->engine->debugger)
    descriptors_borrow(&s->descriptors, s->engine->debugger);
  if (r == 0)
    r = descriptors_plan(s->pid, &s->descriptors, &plan, e);
  descriptors_return(&s->descriptors);
  if (r == 0)
    r = restore(ret, s, main, plan, report, e);
  descriptor_plan_free(plan);
  if (r == 0)
    r = executor_close(main, e) < 0 || set_threads(ret, s, e) < 0 ? -1 : 0;
  else
    executor_forget(main);
  if (r < 0) {
    process_end(ret);
    return -1;
  }
  tracking_forget(lineage_line(s->engine, s->pid));
  lineage_adopt(s->engine, s->pid, s->identity, s->node);
  application_rewound(s);
  return 0;
}
