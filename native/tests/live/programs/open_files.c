// SPDX-License-Identifier: EPL-2.0
// Open files of every sort: with names, deleted, renamed, replaced, sparse; for reading, appending, past the cache, or
// as a mere place (O_PATH). Each keeps what it is, where it stands, and how it was opened.
#include "live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOTS = 8, SIZE = 8192, BLOCK = 4096, HOLE = 1 << 20, FOLDER_FILES = 40 };
enum fate { NAMED, DELETED, RENAMED, REPLACED, FATES };

static char folder[200];
static unsigned made;
static struct slot {
  int fd, copy;  // -1: closed
  int flags;
  uint64_t seed;
  off_t start, position;  // start: of its data, behind a hole
} slots[SLOTS];
static DIR *list;
static char listed[FOLDER_FILES + 3][32];  // in their order
static unsigned next_listed;

static void fill(unsigned char *to, uint64_t seed) {
  for (size_t i = 0; i < SIZE; i++)
    to[i] = (unsigned char)live_stamp(seed, i);
}

// A rewind brings back no names: what has a name, and what has lost it, may be so already. So a file is known by its
// descriptor from its beginning, and each step may have been taken before.
static int write_file(const char *path, const struct slot *s) {
  unsigned char bytes[SIZE];
  fill(bytes, s->seed);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  CHECK(fd >= 0 && pwrite(fd, bytes, SIZE, s->start) == SIZE);
  return fd;
}

static int open_again(int fd, int flags) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, flags | O_CLOEXEC);
}

static void meet_fate(const char *path, enum fate fate, const struct slot *s) {
  char other[300];
  snprintf(other, sizeof other, "%s-other", path);
  if (fate == DELETED)
    CHECK(unlink(path) == 0 || errno == ENOENT);
  if (fate == RENAMED)
    CHECK(rename(path, other) == 0 || errno == ENOENT);
  if (fate != REPLACED)
    return;
  struct slot of_other = {.seed = s->seed + 1, .start = s->start};
  CHECK(close(write_file(other, &of_other)) == 0);
  CHECK(rename(other, path) == 0 || errno == ENOENT);
}

static void make(struct slot *s) {
  static const int ways[] = {O_RDONLY, O_RDWR, O_RDWR | O_APPEND, O_RDONLY | O_DIRECT, O_PATH, O_RDWR | O_SYNC};
  char path[256];
  if (s->fd >= 0)
    return;
  enum fate fate = (enum fate)live_random(FATES);
  *s = (struct slot){
      .fd = -1, .copy = -1, .seed = live_stamp(live_random(1000000), live_ticks()), .flags = ways[live_random(6)]};
  s->start = live_random(2) ? HOLE : 0;
  snprintf(path, sizeof path, "%s/%u-%u", folder, made++, live_random(1000000));
  int fd = write_file(path, s);
  s->fd = open_again(fd, s->flags);
  if (s->fd < 0 && errno == EINVAL)  // a file system that cannot do without its cache
    s->fd = open_again(fd, s->flags = O_RDONLY);
  CHECK(s->fd >= 0 && close(fd) == 0);
  meet_fate(path, fate, s);
}

static void drop(struct slot *s) {
  if (s->fd < 0)
    return;
  CHECK(close(s->fd) == 0 && (s->copy < 0 || close(s->copy) == 0));
  s->fd = s->copy = -1;
}

static void copy(struct slot *s) {
  if (s->fd >= 0 && s->copy < 0)
    CHECK((s->copy = dup(s->fd)) >= 0);
}

static void seek(struct slot *s) {
  if (s->fd < 0 || (s->flags & O_PATH))
    return;
  s->position = BLOCK * (off_t)live_random(400);
  CHECK(lseek(s->copy >= 0 && live_random(2) ? s->copy : s->fd, s->position, SEEK_SET) == s->position);
}

static void check_content(const struct slot *s, int fd) {
  static _Alignas(BLOCK) unsigned char got[SIZE];
  unsigned char wanted[SIZE];
  fill(wanted, s->seed);
  CHECK(pread(fd, got, SIZE, s->start) == SIZE && memcmp(got, wanted, SIZE) == 0);
}

static void check(const struct slot *s) {
  enum { FLAGS = O_ACCMODE | O_APPEND | O_DIRECT | O_PATH | O_SYNC };
  struct stat st;
  if (s->fd < 0)
    return;
  CHECK(fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0640 && st.st_size == s->start + SIZE);
  CHECK(!s->start || st.st_blocks * 512 < HOLE / 2);
  CHECK((fcntl(s->fd, F_GETFL) & FLAGS) == (s->flags & FLAGS));
  if (s->flags & O_PATH)
    return;
  CHECK(lseek(s->fd, 0, SEEK_CUR) == s->position && (s->copy < 0 || lseek(s->copy, 0, SEEK_CUR) == s->position));
  check_content(s, s->fd);
}

// ---- a folder that is read entry by entry, again and again ----

static void begin_list(void) {
  struct dirent *entry;
  unsigned n = 0;
  snprintf(folder, sizeof folder, "%s/live-open-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  CHECK(mkdtemp(folder) && strcat(folder, "/list") && mkdir(folder, 0700) == 0);
  for (unsigned i = 0; i < FOLDER_FILES; i++) {
    char path[256];
    snprintf(path, sizeof path, "%s/entry-%u", folder, i);
    CHECK(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) == 0);
  }
  CHECK((list = opendir(folder)));
  while ((entry = readdir(list)))
    snprintf(listed[n++], sizeof listed[0], "%.31s", entry->d_name);
  CHECK(n == FOLDER_FILES + 2);
  *strrchr(folder, '/') = 0;
}

// One at a time, past the buffer of the C library.
static void read_list(void) {
  if (getenv("LIVE_KILLED"))  // a restart may go on at another place: docs/limits.md
    return;
  struct {
    uint64_t inode, offset;
    unsigned short length;
    unsigned char type;
    char name[256];
  } entry;
  static int fd = -1;
  if (fd < 0)
    CHECK((fd = open(strcat(folder, "/list"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0 &&
          (*strrchr(folder, '/') = 0, true));
  long n = syscall(SYS_getdents64, fd, &entry, 56);
  CHECK(n >= 0);
  if (n == 0) {
    CHECK(next_listed == FOLDER_FILES + 2 && lseek(fd, 0, SEEK_SET) == 0);
    next_listed = 0;
    return;
  }
  char *at = (char *)&entry;
  for (long done = 0; done < n;) {
    unsigned short length;
    memcpy(&length, at + done + 16, sizeof length);
    CHECK(strcmp(at + done + 19, listed[next_listed++]) == 0);
    done += length;
  }
}

static void remove_all(const char *path) {
  char command[300];
  snprintf(command, sizeof command, "rm -r '%s'", path);
  CHECK(system(command) == 0);
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make, make, drop, copy, seek, seek};
  live_begin();
  begin_list();
  for (unsigned i = 0; i < SLOTS; i++)
    slots[i].fd = slots[i].copy = -1;
  do {
    changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
    for (unsigned i = 0; i < SLOTS; i++)
      check(&slots[i]);
    read_list();
  } while (live_tick());
  remove_all(folder);
  live_pass();
}
