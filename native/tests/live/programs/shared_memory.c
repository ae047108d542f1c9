// SPDX-License-Identifier: EPL-2.0
// Memory that a fork would share: anonymous, memfd, /dev/shm; mapped twice, sparse, growing, and open without a
// mapping.
#include "live.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };
#define SPARSE ((uint64_t)1 << 30)

struct area {
  int fd;           // -1: anonymous
  char *at, *twin;  // two mappings of the same memory; NULL: none
  uint64_t stride;  // bytes from one page that is used to the next
  unsigned pages;
  uint64_t expected[PAGES];
};
static struct area anonymous, memory_file, named, sparse, unmapped, growing, fleeting;

static char *map(const struct area *a) {
  int flags = a->fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
  char *at = mmap(NULL, a->stride * PAGES, PROT_READ | PROT_WRITE, flags, a->fd, 0);
  CHECK(at != MAP_FAILED);
  return at;
}

static void make(struct area *a, int fd, uint64_t stride) {
  a->fd = fd;
  a->stride = stride;
  a->pages = PAGES;
  CHECK(fd < 0 || ftruncate(fd, (off_t)(stride * PAGES)) == 0);
  a->at = map(a);
}

// LIVE_SHM names a file that stays visible (whoever started us removes it); else the file is deleted at once.
static int named_file(void) {
  char path[256];
  const char *visible = getenv("LIVE_SHM");
  snprintf(path, sizeof path, "/dev/shm/snapback-live-%d-%u", (int)getpid(), live_random(1000000));
  int fd = open(visible ? visible : path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  CHECK(visible || unlink(path) == 0);
  return fd;
}

static void store(struct area *a, unsigned i, uint64_t value) {
  if (a->at)
    *(volatile uint64_t *)(a->at + i * a->stride) = value;
  else
    CHECK(pwrite(a->fd, &value, sizeof value, (off_t)(i * a->stride)) == sizeof value);
  a->expected[i] = value;
}

static uint64_t load(const struct area *a, unsigned i) {
  uint64_t value = 0;
  if (a->at)
    return *(volatile uint64_t *)(a->at + i * a->stride);
  CHECK(pread(a->fd, &value, sizeof value, (off_t)(i * a->stride)) == sizeof value);
  return value;
}

static void check(const struct area *a) {
  for (unsigned i = 0; i < a->pages; i++) {
    CHECK(load(a, i) == a->expected[i]);
    if (a->twin)
      CHECK(*(volatile uint64_t *)(a->twin + i * a->stride) == a->expected[i]);
  }
}

static void play(struct area *a) {
  for (unsigned k = live_random(8); k && a->pages; k--) {
    unsigned i = live_random(a->pages);
    store(a, i, live_stamp(i, live_ticks()));
  }
  check(a);
}

static void punch(struct area *a, unsigned i) {
  CHECK(fallocate(a->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(i * a->stride), PAGE) == 0);
  a->expected[i] = 0;
}

static void resize(struct area *a) {
  unsigned pages = live_random(PAGES + 1);
  CHECK(ftruncate(a->fd, (off_t)pages * PAGE) == 0);
  for (unsigned i = pages; i < PAGES; i++)
    a->expected[i] = 0;
  a->pages = pages;
  struct stat facts;
  CHECK(fstat(a->fd, &facts) == 0 && facts.st_size == (off_t)pages * PAGE);
}

// Memory that is made and given up between snapshots.
static void come_and_go(struct area *a) {
  if (live_random(10))
    return;
  if (!a->at) {
    make(a, -1, PAGE);
    return;
  }
  CHECK(munmap(a->at, PAGES * PAGE) == 0);
  memset(a, 0, sizeof *a);
}

static void remap_twin(struct area *a) {
  if (a->twin)
    CHECK(munmap(a->twin, a->stride * PAGES) == 0);
  a->twin = live_random(2) ? map(a) : NULL;
}

int main(void) {
  live_begin();
  make(&anonymous, -1, PAGE);
  make(&memory_file, memfd_create("live", MFD_CLOEXEC), PAGE);
  make(&named, named_file(), PAGE);
  make(&sparse, memfd_create("live-sparse", MFD_CLOEXEC), SPARSE / PAGES);
  make(&unmapped, memfd_create("live-unmapped", MFD_CLOEXEC), PAGE);
  CHECK(munmap(unmapped.at, PAGES * PAGE) == 0);
  unmapped.at = NULL;
  make(&growing, memfd_create("live-growing", MFD_CLOEXEC), PAGE);
  struct area *const all[] = {&anonymous, &memory_file, &named, &sparse, &unmapped, &growing};
  do {
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
      play(all[i]);
    punch(&sparse, live_random(PAGES));
    resize(&growing);
    come_and_go(&fleeting);
    if (fleeting.at)
      play(&fleeting);
    if (live_random(8) == 0)
      remap_twin(&memory_file);
  } while (live_tick());
  live_pass();
}
