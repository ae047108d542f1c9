// SPDX-License-Identifier: EPL-2.0
// Memory files that are sealed: contents, size and seals are what they were; what a seal forbids stays forbidden.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILES = 4, SIZE = 20000, VIEW = 8192 };

static struct file {
  int fd;  // -1: closed
  int seals;
  uint64_t seed;
  size_t size;
  unsigned char *view;  // writable, from before F_SEAL_FUTURE_WRITE; NULL: none
} files[FILES];

static void fill(unsigned char *to, size_t size, uint64_t seed) {
  for (size_t i = 0; i < size; i++)
    to[i] = (unsigned char)live_stamp(seed, i);
}

// Whole and sealed at once: no rewind can take a seal away.
static void make(struct file *f) {
  static const int ways[] = {
      0, F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_WRITE | F_SEAL_SEAL, F_SEAL_FUTURE_WRITE};
  unsigned char bytes[SIZE];
  if (f->fd >= 0)
    return;
  struct file g = {.seals = ways[live_random(6)], .seed = live_stamp(live_random(1000000), live_ticks())};
  g.size = VIEW + live_random(SIZE - VIEW);
  g.fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  fill(bytes, g.size, g.seed);
  CHECK(g.fd >= 0 && write(g.fd, bytes, g.size) == (ssize_t)g.size);
  if (g.seals & F_SEAL_FUTURE_WRITE)
    CHECK((g.view = mmap(NULL, VIEW, PROT_READ | PROT_WRITE, MAP_SHARED, g.fd, 0)) != MAP_FAILED);
  CHECK(fcntl(g.fd, F_ADD_SEALS, g.seals) == 0);
  *f = g;
}

static void drop(struct file *f) {
  if (f->fd < 0 || live_random(2))
    return;
  CHECK(!f->view || munmap(f->view, VIEW) == 0);
  CHECK(close(f->fd) == 0);
  f->fd = -1;
}

static void write_again(struct file *f) {
  unsigned char bytes[SIZE];
  uint64_t seed = live_stamp(live_random(1000000), live_ticks());
  if (f->fd < 0)
    return;
  fill(bytes, f->size, seed);
  ssize_t n = pwrite(f->fd, bytes, f->size, 0);
  CHECK(f->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE) ? n < 0 && errno == EPERM : n == (ssize_t)f->size);
  if (n > 0)
    f->seed = seed;
}

static void resize(struct file *f) {
  size_t size = VIEW + live_random(SIZE - VIEW);
  if (f->fd < 0 || f->view)
    return;
  bool may = size > f->size ? !(f->seals & F_SEAL_GROW) : size == f->size || !(f->seals & F_SEAL_SHRINK);
  if (size > f->size && may)
    return;  // what is new is zero, which the model does not know
  CHECK(may ? ftruncate(f->fd, (off_t)size) == 0 : ftruncate(f->fd, (off_t)size) < 0 && errno == EPERM);
  f->size = may ? size : f->size;
}

// What is written through the view shows in the file; then it is as it was.
static void write_view(struct file *f) {
  unsigned char got, old;
  if (f->fd < 0 || !f->view)
    return;
  unsigned at = live_random(VIEW);
  old = f->view[at];
  f->view[at] = (unsigned char)~old;
  CHECK(pread(f->fd, &got, 1, at) == 1 && got == (unsigned char)~old);
  f->view[at] = old;
}

static void check(const struct file *f) {
  unsigned char got[SIZE + 1], wanted[SIZE];
  if (f->fd < 0)
    return;
  fill(wanted, f->size, f->seed);
  CHECK(pread(f->fd, got, sizeof got, 0) == (ssize_t)f->size && memcmp(got, wanted, f->size) == 0);
  CHECK(fcntl(f->fd, F_GET_SEALS) == f->seals);
}

int main(void) {
  static void (*const changes[])(struct file *) = {make, make, drop, write_again, write_again, resize, write_view};
  live_begin();
  for (unsigned i = 0; i < FILES; i++)
    files[i].fd = -1;
  do {
    changes[live_random(sizeof changes / sizeof *changes)](&files[live_random(FILES)]);
    for (unsigned i = 0; i < FILES; i++)
      check(&files[i]);
  } while (live_tick());
  live_pass();
}
