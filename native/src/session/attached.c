// SPDX-License-Identifier: EPL-2.0
// A program that was not started by us: taken under control while it runs, and let go again.
#include "session/attached.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "kernel/calls.h"
#include "proc/offspring.h"
#include "proc/status.h"
#include "session/supervisor.h"
#include "session/text.h"
#include "trace/journal.h"

// ---- whether it can be done ----

static int refuse_tracing(pid_t pid, const char *name, int result, struct error *e) {
  _cleanup_free_ char *text = NULL, *path = must_format("/proc/%d", pid);
  struct stat st;
  long scope = file_read("/proc/sys/kernel/yama/ptrace_scope", 64, &text, NULL) < 0 ? 0 : strtol(text, NULL, 10);
  if (geteuid() != 0 && stat(path, &st) == 0 && st.st_uid != geteuid())
    return error_set(e, ERROR_REFUSED,
                     "process %d (%s) belongs to another user, or has hidden its memory as setuid programs do: run "
                     "'sudo snapback attach %d'",
                     pid, name, pid);
  if (scope >= 2)
    return error_set(e, ERROR_REFUSED,
                     "process %d (%s) may not be traced, for kernel.yama.ptrace_scope is %ld: %s, or start the program "
                     "by 'snapback launch'",
                     pid, name, scope, scope == 2 ? "run snapback as root" : "restart the machine with another value");
  if (scope == 1)
    return error_set(
        e, ERROR_REFUSED,
        "process %d (%s) may be traced by its ancestors only (kernel.yama.ptrace_scope is 1): run snapback "
        "as root, allow it by 'sudo sysctl kernel.yama.ptrace_scope=0', or start the program by "
        "'snapback launch'",
        pid, name);
  return error_set_errno(e, result, "process %d (%s) may not be traced", pid, name);
}

static bool has_ended(pid_t pid) {
  struct process_status s;
  return status_read(pid, &s) < 0 || s.state == 'Z' || s.state == 'X';
}

// As ptrace(2) asks the kernel, but without touching the process. One that is just ending has no memory any more.
static int check_access(pid_t pid, const char *name, struct error *e) {
  enum { TRIES = 50, PAUSE_NS = 1000000 };
  _cleanup_free_ char *path = must_format("/proc/%d/mem", pid);
  int r = 0;
  for (int i = 0; i < TRIES; i++) {
    _cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);
    r = -errno;
    if (fd >= 0 || has_ended(pid))
      return 0;
    (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  }
  return refuse_tracing(pid, name, r, e);
}

static int check_namespace(pid_t pid, const char *name, struct error *e) {
  char ours[64] = "", theirs[64] = "";
  _cleanup_free_ char *path = must_format("/proc/%d/ns/pid", pid);
  if (readlink("/proc/self/ns/pid", ours, sizeof ours - 1) < 0 || readlink(path, theirs, sizeof theirs - 1) < 0)
    return error_set_errno(e, -errno, "cannot read the namespaces of process %d (%s)", pid, name);
  if (strcmp(ours, theirs) == 0)
    return 0;
  return error_set(e, ERROR_REFUSED,
                   "process %d (%s) has process numbers of its own, as in a container or in a session of snapback: "
                   "attach to it from inside of the container, or see 'snapback sessions'",
                   pid, name);
}

static int check_ancestors(pid_t pid, const char *name, struct error *e) {
  struct process_status s;
  for (pid_t at = getpid(); at > 1; at = s.parent) {
    if (at == pid)
      return error_set(e, ERROR_REFUSED,
                       "process %d (%s) has started this command itself, which would be held with it: attach from "
                       "another terminal",
                       pid, name);
    if (status_read(at, &s) < 0)
      break;
  }
  return 0;
}

static int refuse_traced(const struct process_status *s, pid_t pid, struct error *e) {
  char tracer[64];
  process_name(s->tracer, tracer, sizeof tracer);
  if (strncmp(tracer, "snapback", 8) == 0)
    return error_set(e, ERROR_REFUSED, "process %d (%s) is under control already: see 'snapback sessions'", pid,
                     s->name);
  return error_set(e, ERROR_REFUSED,
                   "process %d (%s) is traced by process %d (%s): end that first, or debug it with 'snapback gdb "
                   "--host-pids -p %d'",
                   pid, s->name, s->tracer, tracer, pid);
}

// What it has started comes under control with it.
static int check_offspring(pid_t pid, struct error *e) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count = 0;
  (void)offspring_list(&pid, 1, NULL, NULL, &list, &count);
  for (size_t i = 0; i < count; i++) {
    struct process_status s;
    if (status_read(list[i], &s) < 0)
      continue;
    if (s.tracer)
      return refuse_traced(&s, list[i], e);
    if (s.state != 'Z' &&
        (check_access(list[i], s.name, e) < 0 || (!has_ended(list[i]) && check_namespace(list[i], s.name, e) < 0)))
      return -1;
  }
  return 0;
}

int attached_check(pid_t pid, struct error *e) {
  struct process_status s;
  if (status_read(pid, &s) < 0)
    return error_set(e, ERROR_NO_PROCESS, "there is no process %d", pid);
  if (s.tgid != pid) {
    char name[64];
    process_name(s.tgid, name, sizeof name);
    return error_set(e, ERROR_REFUSED, "%d is a thread of process %d (%s): attach to that", pid, s.tgid, name);
  }
  if (s.state == 'Z' || s.state == 'X')
    return error_set(e, ERROR_NO_PROCESS, "process %d (%s) has ended and waits for its parent to notice", pid, s.name);
  return check_ancestors(pid, s.name, e) < 0 ? -1 : check_offspring(pid, e);
}

// ---- the session ----

static void say(struct session *s, const char *format) {
  struct link_report message = {.what = LINK_SAYS};
  char name[64];
  process_name(s->first, name, sizeof name);
  (void)snprintf(message.error.text, sizeof message.error.text, format, s->first, name, s->address->name);
  supervisor_report(s, &message);
}

static void on_end(void *data, short revents) {
  struct session *s = data;
  (void)revents;
  watch_free(s->end_of_attached);
  s->end_of_attached = NULL;
  if (!s->over)
    say(s, "process %d (%s) has ended");
  s->over = true;
}

// Its standard descriptors are what an image calls those of the caller.
static void look_outside(struct session *s) {
  for (int fd = 0; fd <= STDERR_FILENO; fd++) {
    _cleanup_free_ char *path = must_format("/proc/%d/fd/%d", s->first, fd);
    if (stat(path, &s->outside[fd]) < 0)
      s->outside[fd] = (struct stat){0};
  }
}

static void look_around(struct session *s) {
  _cleanup_free_ char *path = must_format("/proc/%d/cwd", s->first);
  char folder[4096] = "";
  if (readlink(path, folder, sizeof folder - 1) <= 0)
    return;
  free(s->working_directory);
  s->working_directory = text_clean(must_strdup(folder));
}

int attached_start(struct session *s, pid_t *ret_pid, struct error *e) {
  const pid_t pid = s->options->attach;
  int pidfd = kernel_pidfd_open(pid);  // before the check: who ends meanwhile makes it readable
  if (attached_check(pid, e) < 0) {
    if (pidfd >= 0)
      (void)close(pidfd);
    return -1;
  }
  if (pidfd < 0)
    return error_set_errno(e, pidfd, "cannot watch process %d", pid);
  s->first = *ret_pid = pid;
  engine_use_host(s->engine, pid);
  journal_use(s->journal);
  look_outside(s);
  look_around(s);
  s->end_of_attached = loop_watch(s->loop, pidfd, POLLIN, on_end, s);
  say(s, "process %d (%s) is under control as session %s; Ctrl-C lets it go");
  return 0;
}

bool attached_is_stopped(pid_t pid) {
  struct process_status s;
  return status_read(pid, &s) == 0 && s.state == 'T';
}

void attached_let_go(struct session *s) {
  if (!s->over)
    say(s, "process %d (%s) goes on alone");
  s->over = true;
}

// The program first: it is not to start anything any more.
void attached_kill(struct session *s) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count = 0;
  (void)offspring_list(&s->first, 1, NULL, NULL, &list, &count);
  for (size_t i = 0; i < count; i++)
    if (!engine_owns(s->engine, list[i]))
      (void)kill(list[i], SIGKILL);
}

void attached_order(struct session *s, const struct link_order *order) {
  static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  if (order->what == LINK_CONTINUE)
    return;
  bool ends = order->what == LINK_KILL;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
    ends = ends || order->signal == endings[i];
  if (ends && s->over)
    s->ends_at_once = true;
  else if (ends)
    attached_let_go(s);
  else if (order->signal == SIGTSTP)
    supervisor_report(s, &(struct link_report){.what = LINK_STOPPED, .status = SIGTSTP});
}
