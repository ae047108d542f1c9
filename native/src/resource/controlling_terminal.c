// SPDX-License-Identifier: EPL-2.0
// Giving the leader of a session its controlling terminal again, and the terminal its foreground group. Only members of
// the session can do either; they inherit the terminal from their leader.
#include "resource/controlling_terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proc/terminal.h"
#include "resource/pty.h"

void controlling_terminal_capture(pid_t pid, struct controlling_terminal *ret) {
  struct process_terminal t;
  *ret = (struct controlling_terminal){0};
  if (getsid(pid) != pid || process_terminal(pid, &t) < 0 || major(t.device) != PTY_MAJOR ||
      !pty_is_inside((int)minor(t.device)))
    return;
  *ret = (struct controlling_terminal){
      .leads = true, .number = (int)minor(t.device), .foreground = t.foreground > 0 ? t.foreground : 0};
}

static int number_now(int then) {
  int now = pty_number_now(then);
  return now < 0 ? then : now;
}

static bool has_it(pid_t pid, int number) {
  struct process_terminal t;
  return process_terminal(pid, &t) == 0 && t.device == makedev(PTY_MAJOR, (unsigned)number);
}

// A leader without one gets the terminal that it opens.
int controlling_terminal_give(struct executor *x, const struct controlling_terminal *t, struct error *e) {
  pid_t pid = executor_pid(x);
  _cleanup_fd_ int slave = pty_open_slave(t->number, O_RDWR);  // so that there is one
  if (slave < 0 || has_it(pid, number_now(t->number)))
    return 0;
  struct batch *b = batch_new();
  char path[32];
  (void)snprintf(path, sizeof path, "/dev/pts/%d", number_now(t->number));
  size_t at = batch_data(b, path, sizeof path);
  (void)CALL(b, SYS_openat, NUMBER(AT_FDCWD), POINTER(at), NUMBER(O_RDWR | O_CLOEXEC));
  int64_t fd = executor_run(x, b, e) < 0 ? -EIO : batch_result(b, 0);
  batch_free(b);
  if (fd < 0)
    return error_set_errno(e, (int)fd, "cannot give process %d its controlling terminal again", pid);
  (void)executor_call(x, e, SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
  return 0;
}

// A terminal whose other end nobody has any more stays away.
int controlling_terminal_put_back(struct executor *x, const struct descriptors *all, struct error *e) {
  pid_t pid = executor_pid(x);
  const struct controlling_terminal *t = &all->terminal;
  return t->leads && getsid(pid) == pid && !has_it(pid, number_now(t->number)) ? controlling_terminal_give(x, t, e) : 0;
}

// Its signals are blocked: else a group in the background would be stopped by this.
static int64_t set_foreground(struct executor *x, pid_t group, struct error *e) {
  struct batch *b = batch_new();
  static const char terminal[] = "/dev/tty";
  size_t path = batch_data(b, terminal, sizeof terminal);
  (void)CALL(b, SYS_openat, NUMBER(AT_FDCWD), POINTER(path), NUMBER(O_RDWR | O_CLOEXEC | O_NOCTTY));
  int64_t fd = executor_run(x, b, e) < 0 ? -EIO : batch_result(b, 0);
  int64_t r = fd;
  if (fd >= 0) {
    batch_clear(b);
    size_t of = batch_data(b, &group, sizeof group);
    (void)CALL(b, SYS_ioctl, NUMBER(fd), NUMBER(TIOCSPGRP), POINTER(of));
    (void)CALL(b, SYS_close, NUMBER(fd));
    r = executor_run(x, b, e) < 0 ? -EIO : batch_result(b, 0);
  }
  batch_free(b);
  return r;
}

// A group that has ended since cannot have the terminal; its shell takes it when it is told of the end.
int controlling_terminal_settle(struct executor *x, const struct descriptors *all, struct error *e) {
  struct process_terminal now;
  const struct controlling_terminal *t = &all->terminal;
  if (!t->leads || !t->foreground || process_terminal(executor_pid(x), &now) < 0 || now.foreground == t->foreground)
    return 0;
  int64_t r = set_foreground(x, t->foreground, e);
  return r < 0 && r != -ESRCH && r != -EPERM && r != -ENXIO
             ? error_set_errno(e, (int)r, "cannot put process group %d into the foreground again", t->foreground)
             : 0;
}
