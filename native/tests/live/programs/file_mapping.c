// SPDX-License-Identifier: EPL-2.0
// A file mapped privately: written pages are the program's own, the others are the file's, also after madvise.
#include "live.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 96 };

static char *at;
static uint64_t own[PAGES];  // 0: the page is still the file's
static int file;

static uint64_t of_file(unsigned i) { return live_stamp(i, 77); }

static void make_file(void) {
  char path[256];
  snprintf(path, sizeof path, "%s/live-mapping-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  file = mkostemp(path, O_CLOEXEC);
  CHECK(file >= 0);
  CHECK(unlink(path) == 0);
  for (unsigned i = 0; i < PAGES; i++) {
    uint64_t page[PAGE / 8] = {of_file(i)};
    CHECK(write(file, page, PAGE) == PAGE);
  }
}

static void map(void *where) {
  at = mmap(where, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | (where ? MAP_FIXED : 0), file, 0);
  CHECK(at != MAP_FAILED);
  memset(own, 0, sizeof own);
}

static volatile uint64_t *word(unsigned i) { return (volatile uint64_t *)(at + (size_t)i * PAGE); }

static void check_all(void) {
  for (unsigned i = 0; i < PAGES; i++)
    CHECK(*word(i) == (own[i] ? own[i] : of_file(i)));
}

int main(void) {
  live_begin();
  make_file();
  map(NULL);
  do {
    unsigned i = live_random(PAGES);
    own[i] = live_stamp(i, live_ticks());
    *word(i) = own[i];
    if (live_random(5) == 0) {
      i = live_random(PAGES);
      CHECK(madvise((void *)word(i), PAGE, MADV_DONTNEED) == 0);
      own[i] = 0;
    }
    if (live_random(30) == 0)
      map(at);
    if (live_random(30) == 0) {
      CHECK(munmap(at, PAGES * PAGE) == 0);
      map(NULL);
    }
    check_all();
  } while (live_tick());
  live_pass();
}
