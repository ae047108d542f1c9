// SPDX-License-Identifier: EPL-2.0
// A program of two phases that differ in all a rewind has to mend: threads, mappings, files, pipes, sockets, shared
// memory. A lock on a file it has all the time.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 32, THREADS = 2 };

struct phase {
  pthread_t threads[THREADS];
  volatile bool ending;
  char *memory;
  int file, event, ends[2], talk[2];
};
static struct phase phases[2];
static char *shared, *private;
static unsigned current;
static int locked;
static uint64_t length = 40;  // of a phase, in ticks

static void *work(void *argument) {
  struct phase *p = argument;
  static _Thread_local uint64_t count;
  while (!p->ending) {
    uint64_t before = ++count;
    usleep(300);
    CHECK(count == before);
  }
  return NULL;
}

static void begin(unsigned k) {
  struct phase *p = &phases[k];
  *p = (struct phase){.file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), .event = eventfd(k + 3, EFD_CLOEXEC)};
  p->memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(p->memory != MAP_FAILED && p->file >= 0 && p->event >= 0);
  CHECK(pipe2(p->ends, O_CLOEXEC) == 0 && write(p->ends[1], &k, sizeof k) == sizeof k);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p->talk) == 0 &&
        write(p->talk[1], &k, sizeof k) == sizeof k);
  CHECK(lseek(p->file, 100 + k, SEEK_SET) == 100 + (off_t)k);
  memset(p->memory, 'A' + (int)k, PAGES * PAGE);
  memset(shared, 'A' + (int)k, PAGES * PAGE);
  memset(private, 'A' + (int)k, PAGES * PAGE);
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_create(&p->threads[i], NULL, work, p) == 0);
  current = k;
}

static void end(unsigned k) {
  struct phase *p = &phases[k];
  unsigned seen = 9;
  p->ending = true;
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_join(p->threads[i], NULL) == 0);
  CHECK(read(p->ends[0], &seen, sizeof seen) == sizeof seen && seen == k);
  CHECK(read(p->talk[0], &seen, sizeof seen) == sizeof seen && seen == k);
  CHECK(close(p->talk[0]) == 0 && close(p->talk[1]) == 0);
  CHECK(close(p->file) == 0 && close(p->event) == 0 && close(p->ends[0]) == 0 && close(p->ends[1]) == 0);
  CHECK(munmap(p->memory, PAGES * PAGE) == 0);
}

// Without a name: what ends in whatever way leaves nothing behind.
static void lock_file(void) {
  char path[256];
  snprintf(path, sizeof path, "%s/live-phases-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  locked = mkostemp(path, O_CLOEXEC);
  CHECK(locked >= 0 && unlink(path) == 0 && flock(locked, LOCK_EX | LOCK_NB) == 0);
}

static void check_lock(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", locked);
  int other = open(path, O_RDWR | O_CLOEXEC);
  CHECK(other >= 0 && flock(other, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && close(other) == 0);
}

static void check(void) {
  const struct phase *p = &phases[current];
  unsigned i = live_random(PAGES * PAGE);
  uint64_t count;
  CHECK(p->memory[i] == 'A' + (char)current && shared[i] == 'A' + (char)current && private[i] == 'A' + (char)current);
  CHECK(lseek(p->file, 0, SEEK_CUR) == 100 + (off_t)current);
  CHECK(read(p->event, &count, sizeof count) == sizeof count && count == current + 3);
  CHECK(write(p->event, &count, sizeof count) == sizeof count);
}

int main(void) {
  live_begin();
  if (getenv("LIVE_PHASE"))
    length = strtoull(getenv("LIVE_PHASE"), NULL, 10);
  shared = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  private = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED && private != MAP_FAILED);
  lock_file();
  begin(0);
  for (;;) {
    check();
    check_lock();
    if (!live_tick())
      break;
    if (live_ticks() % length == 0) {
      end(current);
      begin(!current);
    }
  }
  end(current);
  live_pass();
}
