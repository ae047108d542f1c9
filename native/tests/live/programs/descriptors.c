// SPDX-License-Identifier: EPL-2.0
// The descriptor table at random: opened, closed, duplicated, moved about; each slot is asked for all it should be.
#include "live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOWEST = 100, SLOTS = 24, LENGTH = 4096, OFFSETS = 64 };
enum kind { CLOSED, PLAIN, DELETED, APPENDING, FOLDER, DEVICE };

// Descriptors that were duplicated share one open file: its offset and status flags.
static struct open_file {
  unsigned users;
  int64_t offset;
  int flags;  // those that can change
  ino_t inode;
} files[OFFSETS];
static struct slot {
  enum kind kind;
  unsigned file;
  int close_on_exec;
} slots[SLOTS];
static char folder[200], plain[256], appending[256];

static int number(unsigned i) { return LOWEST + (int)i; }
static unsigned char byte_at(int64_t offset) { return (unsigned char)live_stamp((uint64_t)offset, 5); }

// A restart makes a file without a name anew.
static bool is_remade(unsigned i) {
  unsigned char bytes[LENGTH];
  CHECK(slots[i].kind == DELETED && pread(number(i), bytes, LENGTH, 0) == LENGTH);
  for (int k = 0; k < LENGTH; k++)
    CHECK(bytes[k] == byte_at(k));
  return true;
}

static void check(unsigned i) {
  const struct slot *s = &slots[i];
  struct stat facts;
  if (s->kind == CLOSED) {
    CHECK(fcntl(number(i), F_GETFD) == -1 && errno == EBADF);
    return;
  }
  const struct open_file *f = &files[s->file];
  CHECK(fcntl(number(i), F_GETFD) == s->close_on_exec);
  CHECK((fcntl(number(i), F_GETFL) & (O_APPEND | O_NONBLOCK)) == f->flags);
  CHECK(fstat(number(i), &facts) == 0 && (facts.st_ino == f->inode || is_remade(i)));
  CHECK(facts.st_nlink == (s->kind == DELETED ? 0 : facts.st_nlink));
  if (s->kind == PLAIN || s->kind == DELETED || s->kind == APPENDING)
    CHECK(lseek(number(i), 0, SEEK_CUR) == f->offset);
}

static void write_pattern(int fd) {
  unsigned char bytes[LENGTH];
  for (int k = 0; k < LENGTH; k++)
    bytes[k] = byte_at(k);
  CHECK(write(fd, bytes, LENGTH) == LENGTH);
  CHECK(lseek(fd, 0, SEEK_SET) == 0);
}

static int open_kind(enum kind kind) {
  int fd;
  switch (kind) {
  case PLAIN:
    return open(plain, O_RDONLY);
  case DELETED:
    fd = open(folder, O_TMPFILE | O_RDWR, 0600);  // deleted from its birth on: no rewind can find it half made
    CHECK(fd >= 0);
    write_pattern(fd);
    return fd;
  case APPENDING:
    return open(appending, O_WRONLY | O_APPEND);
  case FOLDER:
    return open(folder, O_RDONLY | O_DIRECTORY);
  default:
    return open("/dev/null", O_RDWR | O_NONBLOCK);
  }
}

static unsigned free_file(void) {
  unsigned i = 0;
  while (files[i].users)
    i++;
  return i;
}

static void close_slot(unsigned i) {
  if (slots[i].kind == CLOSED)
    return;
  CHECK(close(number(i)) == 0);
  files[slots[i].file].users--;
  slots[i].kind = CLOSED;
}

static void open_slot(unsigned i) {
  close_slot(i);
  enum kind kind = PLAIN + live_random(DEVICE);
  int fd = open_kind(kind);
  struct stat facts;
  CHECK(fd >= 0);
  int close_on_exec = live_random(2) ? FD_CLOEXEC : 0;
  CHECK(dup3(fd, number(i), close_on_exec ? O_CLOEXEC : 0) == number(i));
  CHECK(close(fd) == 0 && fstat(number(i), &facts) == 0);
  unsigned f = free_file();
  int flags = kind == APPENDING ? O_APPEND : kind == DEVICE ? O_NONBLOCK : 0;
  files[f] = (struct open_file){.users = 1, .inode = facts.st_ino, .flags = flags};
  slots[i] = (struct slot){kind, f, close_on_exec};
}

static void duplicate(unsigned i) {
  unsigned k = live_random(SLOTS);
  if (k == i || slots[k].kind == CLOSED)
    return;
  close_slot(i);
  CHECK(dup2(number(k), number(i)) == number(i));
  slots[i] = slots[k];
  slots[i].close_on_exec = 0;
  files[slots[i].file].users++;
}

static void change_flags(unsigned i) {
  if (slots[i].kind == CLOSED)
    return;
  slots[i].close_on_exec ^= FD_CLOEXEC;
  CHECK(fcntl(number(i), F_SETFD, slots[i].close_on_exec) == 0);
  struct open_file *f = &files[slots[i].file];
  if (slots[i].kind == DEVICE || slots[i].kind == PLAIN) {
    f->flags ^= O_NONBLOCK;
    CHECK(fcntl(number(i), F_SETFL, f->flags) == 0);
  }
}

static void use(unsigned i) {
  struct open_file *f = &files[slots[i].file];
  unsigned char byte = 1;
  if (slots[i].kind == APPENDING) {
    CHECK(write(number(i), &byte, 1) == 1);
    f->offset = lseek(number(i), 0, SEEK_CUR);
    CHECK(f->offset >= 1);
  } else if (slots[i].kind == PLAIN || slots[i].kind == DELETED) {
    ssize_t n = read(number(i), &byte, 1);
    CHECK(n == (f->offset < LENGTH));
    CHECK(n == 0 || byte == byte_at(f->offset));
    f->offset += n;
    if (live_random(4) == 0)
      f->offset = lseek(number(i), live_random(LENGTH), SEEK_SET);
  }
}

static void make_files(void) {
  snprintf(folder, sizeof folder, "%s/live-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  CHECK(mkdtemp(folder));
  snprintf(plain, sizeof plain, "%s/plain", folder);
  snprintf(appending, sizeof appending, "%s/appending", folder);
  int fd = open(plain, O_WRONLY | O_CREAT, 0600);
  write_pattern(fd);
  close(fd);
  close(open(appending, O_WRONLY | O_CREAT, 0600));
}

int main(void) {
  static void (*const changes[])(unsigned) = {open_slot, close_slot, duplicate, change_flags, use, use, use};
  live_begin();
  make_files();
  do {
    for (unsigned k = 1 + live_random(6); k; k--)
      changes[live_random(sizeof changes / sizeof *changes)](live_random(SLOTS));
    for (unsigned i = 0; i < SLOTS; i++)
      check(i);
  } while (live_tick());
  CHECK(unlink(plain) == 0 && unlink(appending) == 0 && rmdir(folder) == 0);
  live_pass();
}
