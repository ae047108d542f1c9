// SPDX-License-Identifier: EPL-2.0
// Pseudo-terminals that are made anew: one for all who had it, until all of them have it again.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "resource/pty.h"

enum { TRIES = 1024 };

struct new_pty {
  int then, now, master;
};

// Of the one rewind or restart that is under way.
static struct {
  struct new_pty *item;
  size_t count, capacity;
} made;

static struct new_pty *find(int then) {
  for (size_t i = 0; i < made.count; i++)
    if (made.item[i].then == then)
      return &made.item[i];
  return NULL;
}

static int open_master(int *ret_number) {
  int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  *ret_number = pty_number_of_master(fd);
  return fd;
}

// The kernel gives the lowest free number: those below the wanted one are taken for a moment.
static int make(int wanted, int *ret_number) {
  int held[TRIES], count = 0, fd, number = -1;
  while ((fd = open_master(&number)) >= 0 && number < wanted && count < TRIES)
    held[count++] = fd;
  if (fd >= 0 && number != wanted && count) {  // somebody has it: the lowest will do
    (void)close(fd);
    fd = held[--count];
    number = pty_number_of_master(fd);
  }
  while (count)
    (void)close(held[--count]);
  *ret_number = number;
  return fd;
}

static struct new_pty *find_or_make(int then, int *ret_error) {
  struct new_pty *p = find(then);
  if (p)
    return p;
  int number, fd = fault(FAULT_new_terminal);
  fd = fd < 0 ? fd : make(then, &number);
  if (fd < 0) {
    *ret_error = fd;
    return NULL;
  }
  array_reserve(made.item, made.count, made.capacity);
  p = &made.item[made.count++];
  *p = (struct new_pty){.then = then, .now = number, .master = fd};
  int unlocked = 0;
  (void)ioctl(fd, TIOCSPTLCK, &unlocked);
  return p;
}

int pty_new_master(int then) {
  int r = 0;
  const struct new_pty *p = find_or_make(then, &r);
  if (!p)
    return r;
  int fd = fcntl(p->master, F_DUPFD_CLOEXEC, 3);
  return fd < 0 ? -errno : fd;
}

int pty_open_slave(int then, int flags) {
  const struct new_pty *p = find(then);
  _cleanup_fd_ int living = p ? -1 : pty_find_master(then);
  int r = 0;
  if (living < 0)
    p = find_or_make(then, &r);
  int master = p ? p->master : living;
  if (master < 0)
    return r;
  int fd = ioctl(master, TIOCGPTPEER, flags | O_NOCTTY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int pty_number_now(int then) {
  const struct new_pty *p = find(then);
  return p ? p->now : -1;
}

size_t pty_moves(char *text, size_t size) {
  size_t moves = 0, used = 0;
  for (size_t i = 0; i < made.count; i++) {
    const struct new_pty *p = &made.item[i];
    if (p->then == p->now)
      continue;
    int n = snprintf(text + used, size - used, "%s/dev/pts/%d is /dev/pts/%d now", moves ? ", " : "", p->then, p->now);
    used = n > 0 && used + (size_t)n < size ? used + (size_t)n : used;
    moves++;
  }
  return moves;
}

void ptys_forget(void) {
  for (size_t i = 0; i < made.count; i++)
    (void)close(made.item[i].master);
  made.count = 0;
}
