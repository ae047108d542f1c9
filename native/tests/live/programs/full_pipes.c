// SPDX-License-Identifier: EPL-2.0
// A pipe and a FIFO that are full most of the time, each with a thread that waits for room: nothing is lost, nothing
// comes twice, and nothing is torn.
#include "live.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAYS = 2, CAPACITY = 8192, WORDS = 64, PATIENCE_MS = 10000 };

static struct way {
  int in, out;
  uint64_t seed, read_to;
  pthread_t writer;
} ways[WAYS];

// Written as one, for it is less than PIPE_BUF.
struct record {
  uint64_t number, word[WORDS];
};

static struct record record_of(const struct way *w, uint64_t number) {
  struct record r = {.number = number};
  for (unsigned i = 0; i < WORDS; i++)
    r.word[i] = live_stamp(w->seed + i, number);
  return r;
}

static void *write_on(void *data) {
  const struct way *w = data;
  for (uint64_t number = 0;; number++) {
    struct record r = record_of(w, number);
    CHECK(write(w->out, &r, sizeof r) == sizeof r);
  }
  return NULL;
}

static void check_next(struct way *w) {
  struct record got, wanted = record_of(w, w->read_to);
  struct pollfd p = {.fd = w->in, .events = POLLIN};
  CHECK(poll(&p, 1, PATIENCE_MS) == 1);
  CHECK(read(w->in, &got, sizeof got) == sizeof got);
  CHECK(memcmp(&got, &wanted, sizeof got) == 0);
  w->read_to++;
}

static void open_fifo(struct way *w) {
  char path[256];
  snprintf(path, sizeof path, "%s/live-full-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
  CHECK(mkfifo(path, 0600) == 0);
  CHECK((w->in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) >= 0);
  CHECK((w->out = open(path, O_WRONLY | O_CLOEXEC)) >= 0);
  CHECK(unlink(path) == 0);
}

int main(void) {
  int ends[2];
  live_begin();
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  ways[0].in = ends[0];
  ways[0].out = ends[1];
  open_fifo(&ways[1]);
  for (unsigned i = 0; i < WAYS; i++) {
    ways[i].seed = i + 17;
    CHECK(fcntl(ways[i].out, F_SETPIPE_SZ, CAPACITY) == CAPACITY);
    CHECK(pthread_create(&ways[i].writer, NULL, write_on, &ways[i]) == 0);
  }
  do {
    for (unsigned n = live_random(20); n; n--)
      check_next(&ways[live_random(WAYS)]);
  } while (live_tick());
  live_pass();
}
