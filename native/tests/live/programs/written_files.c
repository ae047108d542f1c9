// SPDX-License-Identifier: EPL-2.0
// Files that are written in all ways, and must be as the program remembers them: for --files=rewind.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE_MAX_ = 200000, MAPPED = 131072, LINE = 24 };

// A file, and what must be in it.
struct written {
  const char *name;
  int fd;
  size_t size;
  unsigned char bytes[SIZE_MAX_];
};
static struct written appended = {.name = "appended"}, base = {.name = "base"}, cut = {.name = "cut"},
                      mapped = {.name = "mapped"}, unnamed = {.name = "unnamed"};
static unsigned char *view;

static void fill(unsigned char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    bytes[i] = (unsigned char)(1 + live_random(255));
}

static void check(const struct written *f) {
  static unsigned char found[SIZE_MAX_ + 1];
  struct stat at;
  CHECK(fstat(f->fd, &at) == 0 && (size_t)at.st_size == f->size);
  CHECK(pread(f->fd, found, sizeof found, 0) == (ssize_t)f->size);
  CHECK(memcmp(found, f->bytes, f->size) == 0);
}

static void append(void) {
  struct written *f = &appended;
  if (f->size + LINE > SIZE_MAX_) {
    CHECK(ftruncate(f->fd, 0) == 0);
    f->size = 0;
  }
  fill(f->bytes + f->size, LINE);
  CHECK(write(f->fd, f->bytes + f->size, LINE) == LINE);
  f->size += LINE;
}

static void overwrite(struct written *f) {
  size_t at = live_random(SIZE_MAX_ - 5000), size = 1 + live_random(5000);
  fill(f->bytes + at, size);
  CHECK(pwrite(f->fd, f->bytes + at, size, (off_t)at) == (ssize_t)size);
  f->size = at + size > f->size ? at + size : f->size;
}

static void make_longer_or_shorter(void) {
  size_t size = live_random(SIZE_MAX_);
  CHECK(ftruncate(cut.fd, (off_t)size) == 0);
  if (size > cut.size)
    memset(cut.bytes + cut.size, 0, size - cut.size);
  cut.size = size;
}

static void write_view(void) {
  size_t at = live_random(MAPPED - 3000), size = 1 + live_random(3000);
  fill(mapped.bytes + at, size);
  memcpy(view + at, mapped.bytes + at, size);
  CHECK(memcmp(view, mapped.bytes, MAPPED) == 0);
}

// ---- names that come and go ----

static int held = -1;
static uint64_t held_word;

// Made anew where none may be, held for a while, removed, closed.
static void hold_name(void) {
  uint64_t word;
  if (held < 0) {
    held = open("held", O_RDWR | O_CREAT | O_EXCL, 0640);
    CHECK(held >= 0);
    held_word = live_stamp(live_ticks(), live_random(1000));
    CHECK(pwrite(held, &held_word, sizeof word, 0) == sizeof word);
  }
  struct stat open_one, named;
  CHECK(pread(held, &word, sizeof word, 0) == sizeof word && word == held_word);
  CHECK(fstat(held, &open_one) == 0 && (open_one.st_mode & 0777) == 0640);
  CHECK(stat("held", &named) == 0 && named.st_ino == open_one.st_ino);
  if (live_random(3) == 0) {
    CHECK(unlink("held") == 0 && close(held) == 0);
    held = -1;
  }
}

// A file that is replaced by a whole new one is whole at any time.
static struct record { uint64_t version, stamp; } next;
static int aside = -1;

static void check_record(bool is_newest) {
  struct record found;
  int fd = open("replaced", O_RDONLY);
  CHECK(fd >= 0 && read(fd, &found, sizeof found) == sizeof found && close(fd) == 0);
  CHECK(found.stamp == live_stamp(found.version, 3));
  CHECK(!is_newest || found.version == next.version);
}

static void replace(void) {
  if (aside < 0) {
    next = (struct record){next.version + 1, live_stamp(next.version + 1, 3)};
    aside = open("aside", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(aside >= 0 && write(aside, &next, sizeof next.version) == sizeof next.version);
    return;
  }
  CHECK(write(aside, &next.stamp, sizeof next.stamp) == sizeof next.stamp && close(aside) == 0);
  aside = -1;
  // One that was closed is not known to a snapshot: between the two calls it may be gone, being newer.
  bool is_there = rename("aside", "replaced") == 0;
  CHECK(is_there || errno == ENOENT);
  check_record(false);
}

// ---- all of it ----

static void begin(struct written *f, int flags) {
  f->fd = open(f->name, O_RDWR | O_CREAT | flags, 0600);
  CHECK(f->fd >= 0);
}

static void make_files(void) {
  begin(&appended, O_APPEND);
  begin(&base, 0);
  begin(&cut, 0);
  begin(&mapped, 0);
  begin(&unnamed, 0);
  CHECK(unlink(unnamed.name) == 0);
  CHECK(ftruncate(mapped.fd, MAPPED) == 0);
  mapped.size = MAPPED;
  view = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, mapped.fd, 0);
  CHECK(view != MAP_FAILED);
  replace();
  replace();
}

static void change(void) {
  switch (live_random(7)) {
  case 0:
    append();
    break;
  case 1:
    overwrite(&base);
    break;
  case 2:
    make_longer_or_shorter();
    break;
  case 3:
    write_view();
    break;
  case 4:
    overwrite(&unnamed);
    break;
  case 5:
    hold_name();
    break;
  default:
    replace();
  }
}

int main(void) {
  live_begin();
  make_files();
  do {
    for (unsigned i = 1 + live_random(4); i; i--)
      change();
    check(&appended);
    check(&base);
    check(&cut);
    check(&mapped);
    check(&unnamed);
    check_record(false);
  } while (live_tick());
  live_pass();
}
