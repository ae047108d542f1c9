// SPDX-License-Identifier: EPL-2.0
// Both ends of pseudo-terminals whose master is in the session.
//
// Settings and bytes belong to the master: they are captured and put back through it, also where its slave is another
// process's. A slave of a terminal whose master is closed is hung up for ever, and /proc calls it deleted.
#include "resource/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "kernel/calls.h"
#include "resource/describe.h"

static bool master_matches(const struct descriptor *d) { return d->info.terminal >= 0; }

static int open_theirs(pid_t pid, int fd) {
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  return pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, fd);
}

// ---- what is in it ----

static bool is_hung_up(int master) {
  struct pollfd p = {.fd = master};
  return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

// To open a slave that nobody has opened yet, and close it, would look like its end.
static int open_for_content(int master, int number) {
  if (!is_hung_up(master) && !pty_slave_is_open(number))
    return -ENOENT;
  int fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int set_packet(int master, int on) { return ioctl(master, TIOCPKT, &on) < 0 ? -errno : 0; }

// In packet mode there may be word of a change first, which is told again once the bytes are back.
static unsigned char take_word(int master) {
  struct pollfd p = {.fd = master, .events = POLLPRI};
  unsigned char word = 0;
  return poll(&p, 1, 0) == 1 && (p.revents & POLLPRI) && read(master, &word, 1) == 1 ? word : 0;
}

static void tell_again(int slave, unsigned char word) {
  if (word & TIOCPKT_FLUSHREAD)
    (void)tcflush(slave, TCIFLUSH);
  if (word & TIOCPKT_FLUSHWRITE)
    (void)tcflush(slave, TCOFLUSH);
}

static int exchange(int master, int slave, struct pty_content *now, const struct pty_content *then) {
  int r = pty_take_out(master, slave, now);
  int back = pty_put_in(master, slave, then ? then : now);  // also when not all could be taken
  return r < 0 ? r : back;
}

// Takes the bytes out, and puts those of `then` in; NULL: the same again.
static int with_content(int master, int slave, bool packet, struct pty_content *now, const struct pty_content *then) {
  unsigned char word = packet && !then ? take_word(master) : 0;
  int r = packet ? set_packet(master, 0) : 0;
  if (r == 0)
    r = exchange(master, slave, now, then);
  if (packet)
    (void)set_packet(master, 1);
  if (word && !now->lines && !now->output_size)
    tell_again(slave, word);
  return r;
}

// ---- capture ----

static int read_state(int master, struct pty_state *s) {
  int locked = 0, packet = 0;
  if (tcgetattr(master, &s->terminal) < 0 || ioctl(master, TIOCGWINSZ, &s->window) < 0 ||
      ioctl(master, TIOCGPTLCK, &locked) < 0 || ioctl(master, TIOCGPKT, &packet) < 0)
    return -errno;
  s->locked = locked;
  s->packet = packet;
  return 0;
}

static int capture_state(int master, struct pty_state *s) {
  int r = fault(FAULT_capture_terminal);
  if (r == 0)
    r = read_state(master, s);
  if (r < 0)
    return r;
  _cleanup_fd_ int slave = open_for_content(master, s->number);
  if (slave < 0)
    return 0;
  s->has_content = true;
  return with_content(master, slave, s->packet, &s->content, NULL);
}

static int master_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  (void)all;
  struct pty_state *s = d->own = must_alloc(sizeof *s);
  s->number = d->info.terminal;
  _cleanup_fd_ int master = open_theirs(pid, d->fd);
  int r = master < 0 ? master : capture_state(master, s);
  return r < 0 ? error_set_errno(e, r, "cannot read the pseudo-terminal of descriptor %d of process %d", d->fd, pid)
               : 0;
}

static void master_done(struct descriptor *d) {
  struct pty_state *s = d->own;
  pty_content_done(&s->content);
  free(s);
  d->own = NULL;
}

// ---- the way back ----

static bool master_same(const struct descriptor *then, const struct descriptor *now) {
  return ((const struct pty_state *)then->own)->number == now->info.terminal;
}

static int master_reopen(const struct descriptor *d) {
  int number = ((const struct pty_state *)d->own)->number;
  int fd = d->pin < 0 ? -ENOENT : pty_find_master(number);  // of a restart there is none
  return fd >= 0 ? fd : pty_new_master(number);
}

static int put_content_back(int master, const struct pty_state *s) {
  struct pty_content now = {0};
  _cleanup_fd_ int slave = s->has_content ? ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
  if (slave < 0)
    return 0;
  int r = with_content(master, slave, false, &now, &s->content);
  pty_content_done(&now);
  return r;
}

static int put_settings_back(int master, const struct pty_state *s) {
  struct winsize window;
  int unlocked = 0;
  if (set_packet(master, 0) < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0 ||
      tcsetattr(master, TCSANOW, &s->terminal) < 0 || ioctl(master, TIOCGWINSZ, &window) < 0)
    return -errno;
  return memcmp(&window, &s->window, sizeof window) != 0 && ioctl(master, TIOCSWINSZ, &s->window) < 0 ? -errno : 0;
}

// Settings first: what is typed ahead is put in by the mode that it was typed in.
static int put_state_back(int master, const struct pty_state *s) {
  int locked = s->locked, r = put_settings_back(master, s);
  if (r == 0)
    r = put_content_back(master, s);
  if (r == 0)
    r = set_packet(master, s->packet);
  return r < 0 ? r : ioctl(master, TIOCSPTLCK, &locked) < 0 ? -errno : 0;
}

static int master_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  pid_t pid = executor_pid(x);
  _cleanup_fd_ int master = open_theirs(pid, d->fd);
  int r = master < 0 ? master : put_state_back(master, d->own);
  return r < 0 ? error_set_errno(e, r, "cannot put back the pseudo-terminal of descriptor %d of process %d", d->fd, pid)
               : 0;
}

const struct descriptor_kind descriptor_pty_master = {
    .name = "pty-master",
    .matches = master_matches,
    .capture = master_capture,
    .same = master_same,
    .reopen = master_reopen,
    .restore = master_restore,
    .done = master_done,
};

// ---- slaves ----

static bool slave_matches(const struct descriptor *d) {
  int number = pty_number_of_slave(&d->stat);
  return number >= 0 && !(d->info.flags & O_PATH) && (link_is_deleted(d->link) || pty_is_inside(number));
}

// One whose terminal was hung up answers no more.
static bool is_alive(pid_t pid, const struct descriptor *d) {
  struct termios ignored;
  _cleanup_fd_ int fd = open_theirs(pid, d->fd);
  return fd >= 0 && tcgetattr(fd, &ignored) == 0;
}

static int slave_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  (void)all, (void)e;
  d->has_terminal = is_alive(pid, d);
  return 0;
}

static bool slave_same(const struct descriptor *then, const struct descriptor *now) {
  return then->pin >= 0 && strcmp(then->link, now->link) == 0 && then->stat.st_ino == now->stat.st_ino &&
         then->stat.st_rdev == now->stat.st_rdev && then->has_terminal == is_alive(now->owner, now);
}

static int open_hung_up(int flags) {
  int unlocked = 0;
  _cleanup_fd_ int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
    return -errno;
  int fd = ioctl(master, TIOCGPTPEER, flags | O_NOCTTY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int slave_reopen(const struct descriptor *d) {
  enum { KEPT = O_ACCMODE | O_NONBLOCK };
  int flags = d->info.flags & KEPT, fd = -EIO;
  if (!d->has_terminal)
    return open_hung_up(flags);
  if (d->pin >= 0)
    fd = pin_open(d->pin, flags | O_NOCTTY);
  return fd >= 0 ? fd : pty_open_slave(pty_number_of_slave(&d->stat), flags);
}

const struct descriptor_kind descriptor_pty_slave = {
    .name = "pty-slave",
    .matches = slave_matches,
    .capture = slave_capture,
    .same = slave_same,
    .reopen = slave_reopen,
};
