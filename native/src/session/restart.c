// SPDX-License-Identifier: EPL-2.0
// Sessions that begin with an image.
#include "session/restart.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "kernel/calls.h"
#include "session/redraw.h"
#include "session/supervisor.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

enum { NUMBER_TRIES = 100, STOP_TRIES = 10000 };

// ---- clocks ----

static void add_offset(char *text, size_t size, const char *name, clockid_t clock, uint64_t then_ns) {
  struct timespec now;
  if (!then_ns || clock_gettime(clock, &now) < 0)
    return;
  int64_t second = 1000000000, offset = (int64_t)then_ns - ((int64_t)now.tv_sec * second + now.tv_nsec);
  int64_t seconds = offset / second - (offset % second < 0);
  size_t used = strlen(text);
  (void)snprintf(text + used, size - used, "%s %lld %lld\n", name, (long long)seconds,
                 (long long)(offset - seconds * second));
}

// We enter the time namespace ourselves: snapshots of the session are to tell the program's time, not the host's.
static int enter_time_namespace(const struct restart_start *start) {
  char offsets[160] = "";
  add_offset(offsets, sizeof offsets, "monotonic", CLOCK_MONOTONIC, start->monotonic_ns);
  add_offset(offsets, sizeof offsets, "boottime", CLOCK_BOOTTIME, start->boottime_ns);
  if (fault(FAULT_restart_clocks) < 0)
    return -EINVAL;
  if (unshare(CLONE_NEWTIME) < 0)
    return -errno;
  int r = file_write_text("/proc/self/timens_offsets", offsets);
  _cleanup_fd_ int fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
  return r < 0 ? r : fd < 0 || setns(fd, CLONE_NEWTIME) < 0 ? -errno : 0;
}

static void let_clocks_go_on(const struct restart_start *start) {
  int r = enter_time_namespace(start);
  if (r < 0)
    (void)dprintf(STDERR_FILENO,
                  "snapback: the program sees its monotonic clock jump to that of this machine (no time namespace can "
                  "be made: %s)\n",
                  strerror(-r));
}

// ---- the process ----

_Noreturn static void become(const struct session *s, const struct restart_start *start, int go, int report) {
  char word;
  if (fd_read_all(go, &word, 1) < 0)
    _exit(127);
  if (start->leads_session) {
    (void)setsid();
  } else {
    (void)setpgid(0, 0);
    if (s->foreground)
      (void)tcsetpgrp(s->terminal, getpid());  // SIGTTOU is still blocked
  }
  int r = namespaces_drop_rights(&s->namespaces);
  if (r == 0) {
    caller_restore(&s->caller);
    (void)personality(start->personality);
    (void)execve(start->executable, (char *[]){(char *)start->executable, NULL}, (char *[]){NULL});
    r = -errno;
  }
  (void)fd_write_all(report, &r, sizeof r);
  _exit(127);
}

static void end_child(pid_t pid) {
  int status;
  (void)kill(pid, SIGKILL);
  while (waitpid(pid, &status, __WALL) >= 0 || errno == EINTR)
    if (WIFEXITED(status) || WIFSIGNALED(status))
      return;
}

// Under the old number: the next one that is free behind the one before it.
static pid_t fork_numbered(const struct session *s, const struct restart_start *start, int go[2], int report[2],
                           struct error *e) {
  for (int i = 0; i < NUMBER_TRIES; i++) {
    int r = kernel_set_last_pid(start->pid - 1);
    if (r < 0)
      return error_set_errno(e, r, "cannot ask for the process number %d", start->pid);
    pid_t pid = fork();
    if (pid == 0) {
      (void)close(go[1]);
      (void)close(report[0]);
      become(s, start, go[0], report[1]);
    }
    if (pid < 0)
      return error_set_errno(e, -errno, "cannot make a process for %s", start->executable);
    if (pid == start->pid)
      return pid;
    end_child(pid);
  }
  return error_set(e, ERROR_BUSY, "the process number %d, which the program had, is not available", start->pid);
}

// Signals for it can come first: they are passed on.
static int await_event(pid_t pid, int event, struct error *e) {
  int status;
  for (;;) {
    if (waitpid(pid, &status, __WALL) < 0 && errno != EINTR)
      return error_set_errno(e, -errno, "cannot wait for process %d", pid);
    if (!WIFSTOPPED(status))
      return error_set(e, ERROR_FAILED, "the process for the program ended at once");
    if (status >> 16 == event)
      return 0;
    (void)ptrace(PTRACE_CONT, pid, 0, status >> 16 ? 0 : WSTOPSIG(status));
  }
}

// From the stop inside exec to one outside of any system call, before the program's first instruction.
static int hold(pid_t pid, struct error *e) {
  enum { OPTIONS = PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL };
  if (await_event(pid, PTRACE_EVENT_EXEC, e) < 0)
    return -1;
  if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || ptrace(PTRACE_CONT, pid, 0, 0) < 0)
    return error_set_errno(e, -errno, "cannot hold process %d", pid);
  if (await_event(pid, PTRACE_EVENT_STOP, e) < 0)
    return -1;
  return ptrace(PTRACE_SETOPTIONS, pid, 0, OPTIONS & ~PTRACE_O_TRACEEXEC) < 0
             ? error_set_errno(e, -errno, "cannot trace process %d", pid)
             : 0;
}

static int seize(pid_t pid, int go, struct error *e) {
  enum { OPTIONS = PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL };
  int r = fault(FAULT_restart_start);
  if (r == 0 && ptrace(PTRACE_SEIZE, pid, 0, OPTIONS) < 0)
    r = -errno;
  if (r == 0)
    r = fd_write_all(go, "", 1);
  return r < 0 ? error_set_errno(e, r, "cannot start the process %d", pid) : 0;
}

static int start_process(struct session *s, const struct restart_start *start, struct error *e) {
  int go[2], report[2];
  if (pipe2(go, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
    return error_set_errno(e, -errno, "cannot make a pipe to start %s", start->executable);
  _cleanup_fd_ int go_in = go[0], go_out = go[1], report_in = report[0], report_out = report[1];
  pid_t pid = fork_numbered(s, start, go, report, e);
  if (pid < 0)
    return -1;
  (void)close(fd_take(&report_out));
  int r = seize(pid, go_out, e) < 0 || hold(pid, e) < 0 ? -1 : 0, reason;
  if (r < 0 && fcntl(report_in, F_SETFL, O_NONBLOCK) == 0 && fd_read_all(report_in, &reason, sizeof reason) == 0) {
    *e = (struct error){0};
    (void)error_set_errno(e, reason, "cannot run the program's executable %s", start->executable);
  }
  if (r < 0)
    end_child(pid);
  else
    s->first = pid;
  return r;
}

// ---- all of it ----

int session_restart_begin(struct session *s, const struct restart_order *order, struct restart_tree **ret,
                          struct error *e) {
  struct restart_start start;
  if (restart_check(order->image, &order->options, ret, e) < 0)
    return -1;
  restart_start(*ret, &start);
  if (!order->options.debugger)
    let_clocks_go_on(&start);  // before a debugger comes its program
  if (start_process(s, &start, e) == 0)
    return 0;
  restart_free(*ret);
  return -1;
}

// Its stop is not a news for the shell above, as a later one is: it is taken here.
static void tell_stopped(struct session *s) {
  int status;
  for (int i = 0; i < STOP_TRIES && waitpid(s->first, &status, WUNTRACED | WNOHANG) != s->first; i++)
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
  (void)dprintf(STDOUT_FILENO, "%d\n", (int)session_host_pid(s, s->first));
}

static void tell_shortfalls(struct session *s) {
  struct rewind_report report = {0};
  engine_tell_shortfalls(s->engine, &report);
  if (report.note[0])
    (void)dprintf(STDERR_FILENO, "snapback: %s\n", report.note);
}

int session_restart(struct session *s, const struct restart_order *order, pid_t *ret_pid, struct error *e) {
  struct restart_tree *restart;
  if (session_restart_begin(s, order, &restart, e) < 0)
    return -1;
  *ret_pid = s->first;
  int r = engine_restart(s->engine, restart, e);
  if (r == 0 && restart_note(restart)[0])
    (void)dprintf(STDERR_FILENO, "snapback: %s\n", restart_note(restart));
  tell_shortfalls(s);
  restart_free(restart);
  if (r == 0)
    session_ask_to_redraw(s);
  if (r == 0 && order->options.stopped)
    tell_stopped(s);
  return r;
}
