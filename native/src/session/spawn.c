// SPDX-License-Identifier: EPL-2.0
// Starts the session's first process as the caller would have started it.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "session/supervisor.h"

// The child's own process group gets the terminal before the program can look.
static void take_foreground(const struct session *s) {
  (void)setpgid(0, 0);
  if (s->foreground)
    (void)tcsetpgrp(s->terminal, getpid());  // SIGTTOU is still blocked
}

static int let_inherit(const int *keep, unsigned count) {
  for (unsigned i = 0; i < count; i++)
    if (fcntl(keep[i], F_SETFD, 0))
      return -errno;
  return 0;
}

// Where no namespace ends it with the supervisor, the kernel is asked to.
static void follow_supervisor(const struct session *s, pid_t supervisor) {
  if (!s->options->on_host)
    return;
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != supervisor)
    _exit(127);
}

_Noreturn static void become(const struct session *s, char *const argv[], const int *keep, unsigned keep_count,
                             int report, pid_t supervisor) {
  follow_supervisor(s, supervisor);
  take_foreground(s);
  int r = namespaces_drop_rights(&s->namespaces);
  if (r == 0)
    r = let_inherit(keep, keep_count);
  if (r == 0) {
    caller_restore(&s->caller);
    (void)execvp(argv[0], argv);
    r = -errno;
  }
  (void)fd_write_all(report, &r, sizeof r);
  _exit(127);
}

// execvp calls it EACCES when a folder of PATH cannot be read, even if the program is nowhere.
static bool in_path(const char *program) {
  const char *path = getenv("PATH");
  for (const char *at = path ? path : ""; *at;) {
    size_t n = strcspn(at, ":");
    _cleanup_free_ char *file = must_format("%.*s/%s", (int)n, at, program);
    if (access(file, F_OK) == 0)
      return true;
    at += n + (at[n] == ':');
  }
  return false;
}

static int explain(struct session *s, const char *program, int r, struct error *e) {
  bool path = strchr(program, '/');
  bool there = path && access(program, F_OK) == 0;
  if (r == -EACCES && !path && !in_path(program))
    r = -ENOENT;
  s->start_status = r == -ENOENT || r == -ENOTDIR ? 127 : 126;
  if (r == -ENOENT && there)
    return error_set(e, ERROR_FAILED, "cannot run %s: the interpreter that it names is not there", program);
  if (s->start_status == 127 && path)
    return error_set(e, ERROR_FAILED, "cannot run %s: there is no such file", program);
  if (s->start_status == 127)
    return error_set(e, ERROR_FAILED, "cannot run %s: no program of that name is in PATH", program);
  if (r == -EACCES)
    return error_set(e, ERROR_FAILED, "cannot run %s: it is not executable (see its permissions)", program);
  return error_set_errno(e, r, "cannot run %s", program);
}

int session_spawn(struct session *s, char *const argv[], const int *keep, unsigned keep_count, pid_t *ret_pid,
                  struct error *e) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC))
    return error_set_errno(e, -errno, "cannot make a pipe to start %s", argv[0]);
  _cleanup_fd_ int in = pipe_fds[0], out = pipe_fds[1];
  pid_t supervisor = getpid(), pid = fork();
  if (pid < 0)
    return error_set_errno(e, -errno, "cannot make a process for %s", argv[0]);
  if (pid == 0)
    become(s, argv, keep, keep_count, out, supervisor);
  (void)close(fd_take(&out));
  int r = 0;
  if (fd_read_all(in, &r, sizeof r) == 0) {
    (void)waitpid(pid, NULL, 0);
    return explain(s, argv[0], r, e);
  }
  s->first = *ret_pid = pid;
  return 0;
}

pid_t session_host_pid(struct session *s, pid_t pid) { return namespaces_host_pid(&s->namespaces, pid); }
