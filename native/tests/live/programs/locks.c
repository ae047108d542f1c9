// SPDX-License-Identifier: EPL-2.0
// Locks of flock(2) and of open files: what is held is held, and what is given up by close() is free at once, whatever
// snapshots there are. Locks of the process are looked up in /proc, for they do not stand in its own way.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILES = 4 };
enum kind { BY_FLOCK, BY_OPEN_FILE, BY_PROCESS };

static struct file {
  char path[256];
  enum kind kind;
  int holder;  // has the lock; -1: nobody
  bool alone;
} files[FILES];

// -1 and errno, as flock does.
static int lock(enum kind kind, int fd, int operation) {
  if (kind == BY_FLOCK)
    return flock(fd, operation | LOCK_NB);
  short type = operation == LOCK_EX ? F_WRLCK : operation == LOCK_SH ? F_RDLCK : F_UNLCK;
  struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20};
  return fcntl(fd, kind == BY_OPEN_FILE ? F_OFD_SETLK : F_SETLK, &range);
}

static bool can_lock(const struct file *f, int operation) {
  int other = open(f->path, O_RDWR | O_CLOEXEC);
  CHECK(other >= 0);
  int result = lock(f->kind, other, operation);
  CHECK(result == 0 || errno == EWOULDBLOCK);
  CHECK(close(other) == 0);
  return result == 0;
}

// As another process would see it.
static void check_in_proc(const struct file *f) {
  char path[64], text[1000] = "";
  if (f->holder < 0)
    return;
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", f->holder);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
  CHECK(strstr(text, f->alone ? "POSIX  ADVISORY  WRITE" : "POSIX  ADVISORY  READ"));
  CHECK(strstr(text, " 10 29"));
}

static void check(const struct file *f) {
  if (f->kind == BY_PROCESS) {
    check_in_proc(f);
    return;
  }
  CHECK(can_lock(f, LOCK_EX) == (f->holder < 0));
  CHECK(can_lock(f, LOCK_SH) == (f->holder < 0 || !f->alone));
}

static void take(struct file *f) {
  if (f->holder >= 0)
    return;
  f->alone = live_random(2);
  f->holder = open(f->path, O_RDWR | O_CLOEXEC);
  CHECK(f->holder >= 0);
  CHECK(lock(f->kind, f->holder, f->alone ? LOCK_EX : LOCK_SH) == 0);
}

static void give_up(struct file *f) {
  if (f->holder < 0)
    return;
  if (live_random(2))
    CHECK(lock(f->kind, f->holder, LOCK_UN) == 0);
  CHECK(close(f->holder) == 0);
  f->holder = -1;
}

static void change_kind(struct file *f) {
  if (f->holder < 0)
    return;
  f->alone = !f->alone;
  CHECK(lock(f->kind, f->holder, f->alone ? LOCK_EX : LOCK_SH) == 0);
}

int main(void) {
  static void (*const changes[])(struct file *) = {take, give_up, change_kind};
  live_begin();
  for (unsigned i = 0; i < FILES; i++) {
    struct file *f = &files[i];
    snprintf(f->path, sizeof f->path, "%s/live-lock-%u-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", i);
    CHECK(close(mkstemp(f->path)) == 0);
    f->holder = -1;
    f->kind = i < BY_PROCESS ? (enum kind)i : BY_PROCESS;
  }
  do {
    changes[live_random(3)](&files[live_random(FILES)]);
    for (unsigned i = 0; i < FILES; i++)
      check(&files[i]);
  } while (live_tick());
  for (unsigned i = 0; i < FILES; i++)
    CHECK(unlink(files[i].path) == 0);
  live_pass();
}
