// SPDX-License-Identifier: EPL-2.0
// Leases (F_SETLEASE) that are taken, changed and given up: each is held as long as the model says, with its signal.
#include "live.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILES = 4 };

static struct file {
  char path[256];
  int holder;  // -1: closed
  int kind;    // F_RDLCK, F_WRLCK, F_UNLCK
  int signal;
} files[FILES];

static void give_up(struct file *f) {
  if (f->holder < 0)
    return;
  if (live_random(2) && f->kind != F_UNLCK) {
    CHECK(fcntl(f->holder, F_SETLEASE, F_UNLCK) == 0);
  } else {
    CHECK(close(f->holder) == 0);
    f->holder = -1;
  }
  f->kind = F_UNLCK;
  f->signal = 0;  // goes with the lease
}

static void take(struct file *f) {
  if (f->holder < 0)
    f->holder = open(f->path, O_RDONLY | O_CLOEXEC);
  CHECK(f->holder >= 0);
  f->kind = live_random(2) ? F_RDLCK : F_WRLCK;
  CHECK(fcntl(f->holder, F_SETLEASE, f->kind) == 0);
}

static void set_signal(struct file *f) {
  if (f->holder < 0 || f->kind == F_UNLCK)
    return;
  f->signal = live_random(2) ? SIGRTMIN + 3 : 0;
  CHECK(fcntl(f->holder, F_SETSIG, f->signal) == 0);
}

static void check(const struct file *f) {
  if (f->holder < 0)
    return;
  CHECK(fcntl(f->holder, F_GETLEASE) == f->kind);
  CHECK(f->kind == F_UNLCK || fcntl(f->holder, F_GETSIG) == f->signal);
}

int main(void) {
  static void (*const changes[])(struct file *) = {take, take, give_up, set_signal};
  live_begin();
  for (unsigned i = 0; i < FILES; i++) {
    struct file *f = &files[i];
    snprintf(f->path, sizeof f->path, "%s/live-lease-%u-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", i);
    CHECK(close(mkstemp(f->path)) == 0);
    f->holder = -1;
    f->kind = F_UNLCK;
  }
  do {
    changes[live_random(sizeof changes / sizeof *changes)](&files[live_random(FILES)]);
    for (unsigned i = 0; i < FILES; i++)
      check(&files[i]);
  } while (live_tick());
  for (unsigned i = 0; i < FILES; i++)
    CHECK(unlink(files[i].path) == 0);
  live_pass();
}
