// SPDX-License-Identifier: EPL-2.0
// Views of what has no name, or none any more: sealed and closed memory files, one object seen twice, a deleted file,
// and memory that the program itself may not read or write for the moment.
#include "live.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 64 * PAGE, ODD_SIZE = 10000, WHOLE_SEALED = 3 * PAGE, ANYBODY = 0627 };

static unsigned char *deleted, *no_access, *read_only;
static const char *sealed_view;
static char *closed, *first, *second;
static int sealed, nameless, memory_file;

static void *anonymous(int flags, size_t size) {
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  CHECK(at != MAP_FAILED);
  return at;
}

static void view_deleted_file(void) {
  char path[] = "/tmp/live-views-XXXXXX";
  int fd = mkstemp(path);
  unsigned char bytes[2 * PAGE];
  memset(bytes, 'd', sizeof bytes);
  CHECK(fd >= 0 && write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes && unlink(path) == 0);
  deleted = mmap(NULL, sizeof bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  CHECK(deleted != MAP_FAILED && close(fd) == 0);
  deleted[PAGE + 5] = 'o';
}

// Everybody may do with it what they like, whatever the umask of whoever restarts the program.
static void open_nameless_file(void) {
  nameless = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  CHECK(nameless >= 0 && fchmod(nameless, ANYBODY) == 0);
  memory_file = memfd_create("mode", 0);
  CHECK(memory_file >= 0 && fchmod(memory_file, ANYBODY) == 0);
}

static void view_memory_files(void) {
  sealed = memfd_create("sealed", MFD_ALLOW_SEALING);
  CHECK(sealed >= 0 && ftruncate(sealed, ODD_SIZE) == 0 && pwrite(sealed, "end", 3, ODD_SIZE - 3) == 3);
  CHECK(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) == 0);
  sealed_view = mmap(NULL, WHOLE_SEALED, PROT_READ, MAP_PRIVATE, sealed, 0);
  int fd = memfd_create("closed", MFD_ALLOW_SEALING);
  CHECK(sealed_view != MAP_FAILED && fd >= 0 && ftruncate(fd, 2 * PAGE) == 0);
  closed = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(closed != MAP_FAILED && close(fd) == 0);
}

// The last two pages of the first view are the second one.
static void view_twice(void) {
  first = anonymous(MAP_SHARED, 4 * PAGE);
  second = mremap(first + 2 * PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE);
  CHECK(second != MAP_FAILED && mprotect(second, 2 * PAGE, PROT_READ) == 0);
}

static void check_files(uint64_t tick) {
  char end[3];
  struct stat facts;
  CHECK(fstat(nameless, &facts) == 0 && (facts.st_mode & 07777) == ANYBODY);
  CHECK(fstat(memory_file, &facts) == 0 && (facts.st_mode & 07777) == ANYBODY);
  CHECK(deleted[0] == 'd' && deleted[PAGE + 5] == 'o' && deleted[2 * PAGE - 1] == 'd');
  CHECK(memcmp(sealed_view + ODD_SIZE - 3, "end", 3) == 0);
  CHECK(pread(sealed, end, 3, ODD_SIZE - 3) == 3 && memcmp(end, "end", 3) == 0);
  CHECK(lseek(sealed, 0, SEEK_END) == ODD_SIZE && write(sealed, "x", 1) == -1);
  CHECK(fcntl(sealed, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW));
  uint64_t told;
  memcpy(&told, closed + PAGE, sizeof told);
  CHECK(told == tick);
}

static void check_memory(uint64_t tick) {
  CHECK(first[PAGE] == (char)(tick * 3) && second[PAGE] == (char)(tick * 5));
  CHECK(read_only[SIZE - 1] == 11);
  CHECK(mprotect(no_access, SIZE, PROT_READ) == 0);
  CHECK(no_access[SIZE / 2] == 9 && no_access[SIZE / 2 + 1] == (unsigned char)tick);
}

static void note(uint64_t tick) {
  memcpy(closed + PAGE, &tick, sizeof tick);
  first[PAGE] = (char)(tick * 3);
  first[3 * PAGE] = (char)(tick * 5);
  CHECK(mprotect(no_access, SIZE, PROT_READ | PROT_WRITE) == 0);
  no_access[SIZE / 2 + 1] = (unsigned char)tick;
  CHECK(mprotect(no_access, SIZE, PROT_NONE) == 0);
}

int main(void) {
  live_begin();
  view_deleted_file();
  view_memory_files();
  open_nameless_file();
  view_twice();
  no_access = anonymous(MAP_PRIVATE, SIZE);
  memset(no_access, 9, SIZE);
  read_only = anonymous(MAP_PRIVATE, SIZE);
  memset(read_only, 11, SIZE);
  CHECK(mprotect(read_only, SIZE, PROT_READ) == 0);
  uint64_t tick = 0;
  do {
    note(++tick);
    bool goes_on = live_tick();
    check_files(tick);
    check_memory(tick);
    if (!goes_on)
      live_pass();
  } while (true);
}
