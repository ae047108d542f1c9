// SPDX-License-Identifier: EPL-2.0
// mmap, munmap, mprotect and mremap at random: every page is where it should be, with its content and rights.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, SLOTS = 24, MOST = 40 };

static struct slot {
  char *at;  // NULL: not mapped, and was so at `was`
  char *was;
  unsigned pages;
  int rights;
  uint64_t stamp[MOST];
} slots[SLOTS];
static int zeroes;

// Asks the kernel, so that nothing has to catch SIGSEGV.
static bool readable(const char *at) { return access(at, F_OK) == 0 || errno != EFAULT; }
static bool writable(char *at) { return read(zeroes, at + PAGE - 1, 1) == 1; }

static void check(const struct slot *s) {
  for (unsigned i = 0; i < s->pages; i++) {
    char *page = s->at + (size_t)i * PAGE;
    CHECK(readable(page) == !!(s->rights & PROT_READ));
    CHECK(writable(page) == !!(s->rights & PROT_WRITE));
    if (s->rights & PROT_READ)
      CHECK(*(volatile uint64_t *)page == s->stamp[i]);
  }
}

static void write_some(struct slot *s, unsigned from) {
  if (!(s->rights & PROT_WRITE))
    return;
  for (unsigned i = from; i < s->pages; i += 1 + live_random(3)) {
    s->stamp[i] = live_stamp((uintptr_t)s->at + i, live_ticks());
    *(volatile uint64_t *)(s->at + (size_t)i * PAGE) = s->stamp[i];
  }
}

static void map(struct slot *s) {
  if (s->at)
    return;
  s->pages = 1 + live_random(MOST);
  s->rights = PROT_READ | PROT_WRITE;
  s->at = mmap(NULL, (size_t)s->pages * PAGE, s->rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(s->at != MAP_FAILED);
  for (unsigned i = 0; i < s->pages; i++)
    s->stamp[i] = 0;
  check(s);
  write_some(s, 0);
}

static void unmap(struct slot *s) {
  if (!s->at)
    return;
  CHECK(munmap(s->at, (size_t)s->pages * PAGE) == 0);
  s->was = s->at;
  s->at = NULL;
}

static void protect(struct slot *s) {
  static const int choice[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
  if (!s->at)
    return;
  s->rights = choice[live_random(4)];
  CHECK(mprotect(s->at, (size_t)s->pages * PAGE, s->rights) == 0);
}

static void resize(struct slot *s) {
  if (!s->at)
    return;
  unsigned pages = 1 + live_random(MOST), old = s->pages;
  char *at = mremap(s->at, (size_t)old * PAGE, (size_t)pages * PAGE, MREMAP_MAYMOVE);
  CHECK(at != MAP_FAILED);
  s->at = at;
  s->pages = pages;
  for (unsigned i = old; i < pages; i++)
    s->stamp[i] = 0;
  write_some(s, old);
}

static void write_again(struct slot *s) {
  if (s->at)
    write_some(s, 0);
}

static void (*const changes[])(struct slot *) = {map, unmap, protect, resize, write_again, map};

int main(void) {
  live_begin();
  zeroes = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  CHECK(zeroes >= 0);
  do {
    for (unsigned i = 1 + live_random(4); i; i--)
      changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
    for (unsigned i = 0; i < SLOTS; i++)
      if (slots[i].at)
        check(&slots[i]);
  } while (live_tick());
  live_pass();
}
