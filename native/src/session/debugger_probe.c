// SPDX-License-Identifier: EPL-2.0
// Which gdb it is: its version, and whether it has Python.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "session/debugger.h"

enum { ANSWER_MAX = 8192, PATIENCE_MS = 10000 };

static const char marker[] = "snapback: python";

_Noreturn static void ask(const char *path, int out, int report) {
  char *const arguments[] = {
      (char *)path, "--nx", "--batch", "-ex", "show version", "-ex", "python print('snapback: python')", NULL};
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  (void)dup2(null, 0);
  (void)dup2(out, 1);
  (void)dup2(null, 2);
  (void)setpgid(0, 0);  // it is not to touch the terminal, nor get what is typed there
  (void)setenv("LC_ALL", "C", 1);
  (void)execvp(path, arguments);
  int r = -errno;
  (void)fd_write_all(report, &r, sizeof r);
  _exit(127);
}

static int left_ms(const struct timespec *since) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  long passed = (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
  return passed < PATIENCE_MS ? (int)(PATIENCE_MS - passed) : 0;
}

// Reads to the end, which a gdb that hangs never comes to. False: it took too long.
static bool read_answer(int fd, char answer[ANSWER_MAX]) {
  struct timespec since;
  (void)clock_gettime(CLOCK_MONOTONIC, &since);
  size_t n = 0;
  for (;;) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, left_ms(&since)) <= 0)
      return false;
    ssize_t k = read(fd, answer + n, ANSWER_MAX - 1 - n);
    if (k <= 0)
      break;
    n += (size_t)k;
  }
  answer[n] = 0;
  return true;
}

static int explain(const char *path, int r, int *ret_status, struct error *e) {
  bool missing = r == -ENOENT || r == -ENOTDIR;
  *ret_status = missing ? 127 : 126;
  if (missing)
    return error_set(e, ERROR_FAILED, "cannot find %s: install gdb, or name one with --gdb PATH", path);
  return error_set(e, ERROR_FAILED, "cannot run %s: %s (--gdb PATH names another gdb)", path, strerror(-r));
}

// "GNU gdb (Debian 13.1-3) 13.1": the number behind the last blank of the first line. 0: this is no gdb.
static unsigned version_of(char *answer) {
  if (strncmp(answer, "GNU gdb", 7) != 0)
    return 0;
  char first[256];
  (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(answer, "\n"), answer);
  const char *blank = strrchr(first, ' ');
  return blank ? (unsigned)strtoul(blank + 1, NULL, 10) : 0;
}

static int judge(const char *path, char *answer, struct debugger_options *ret, struct error *e) {
  unsigned version = version_of(answer);
  if (version == 0)
    return error_set(e, ERROR_FAILED, "%s does not answer as gdb does: name a gdb with --gdb PATH", path);
  if (version < DEBUGGER_OLDEST)
    return error_set(e, ERROR_FAILED,
                     "%s is gdb %u, which is too old: gdb %d or later is needed (--gdb PATH names another)", path,
                     version, DEBUGGER_OLDEST);
  *ret = (struct debugger_options){.path = path, .has_python = strstr(answer, marker)};
  return 0;
}

int debugger_probe(const char *path, struct debugger_options *ret, int *ret_status, struct error *e) {
  int out[2], report[2];
  *ret_status = 2;
  if (pipe2(out, O_CLOEXEC))
    return error_set_errno(e, -errno, "cannot make a pipe to %s", path);
  if (pipe2(report, O_CLOEXEC)) {
    int r = -errno;
    (void)close(out[0]);
    (void)close(out[1]);
    return error_set_errno(e, r, "cannot make a pipe to %s", path);
  }
  _cleanup_fd_ int answers = out[0], failures = report[0];
  pid_t pid = fork();
  if (pid == 0)
    ask(path, out[1], report[1]);
  (void)close(out[1]);
  (void)close(report[1]);
  if (pid < 0)
    return error_set_errno(e, -errno, "cannot make a process for %s", path);
  char answer[ANSWER_MAX] = "";
  int r = 0;
  bool failed = fd_read_all(failures, &r, sizeof r) == 0;
  bool answered = !failed && read_answer(answers, answer);
  if (!answered)
    (void)kill(-pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  if (failed)
    return explain(path, r, ret_status, e);
  if (!answered)
    return error_set(e, ERROR_FAILED, "%s has not told its version within %d s: name another gdb with --gdb PATH", path,
                     PATIENCE_MS / 1000);
  return judge(path, answer, ret, e);
}
