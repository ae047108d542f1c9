// SPDX-License-Identifier: EPL-2.0
// A ring of processes, forks and other programs, that pass a token through pipes and share one open file: whoever has
// the token moves the file's offset, and finds it where the one before has left it. Rings come and go.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMBERS = 4, FILE_FD = 500, EVENT_FD, IN_FD, OUT_FD, MOST = 1 << 20 };

struct token {
  uint64_t offset;
  uint64_t events;
  bool ends;
};

static struct ring {
  pid_t pid[MEMBERS];
  int in, out;
  bool is_there, is_out;  // the token is on its way
  struct token token;
} ring;
static const char *self;

static void move_to(int fd, int number) {
  CHECK(dup2(fd, number) == number);
  if (fd != number)
    close(fd);
}

static struct token receive(int fd) {
  struct token t;
  ssize_t n;
  while ((n = read(fd, &t, sizeof t)) < 0)
    CHECK(errno == EINTR);
  if (n == 0)
    _exit(1);
  CHECK(n == sizeof t);
  return t;
}

static void send(int fd, const struct token *t) { CHECK(write(fd, t, sizeof *t) == sizeof *t); }

// What all share is as the one before has left it.
static void use(struct token *t, int step) {
  uint64_t events = 0;
  CHECK(lseek(FILE_FD, 0, SEEK_CUR) == (off_t)t->offset);
  CHECK(read(EVENT_FD, &events, sizeof events) == sizeof events && events == t->events);
  t->offset = (t->offset + (uint64_t)step) % MOST;
  CHECK(lseek(FILE_FD, (off_t)t->offset, SEEK_SET) == (off_t)t->offset);
  t->events = 1 + t->offset % 1000;
  CHECK(write(EVENT_FD, &t->events, sizeof t->events) == sizeof t->events);
}

_Noreturn static void be_member(int step) {
  for (;;) {
    struct token t = receive(IN_FD);
    if (!t.ends)
      use(&t, step);
    send(OUT_FD, &t);
    if (t.ends)
      _exit(step);
  }
}

static void start_member(int step, int in, int out) {
  char text[16];
  ring.pid[step - 1] = fork();
  CHECK(ring.pid[step - 1] >= 0);
  if (ring.pid[step - 1])
    return;
  move_to(in, IN_FD);
  move_to(out, OUT_FD);
  (void)close(ring.out);
  if (step % 2)
    be_member(step);
  (void)snprintf(text, sizeof text, "%d", step);
  (void)execl(self, self, text, NULL);
  _exit(1);
}

static void open_shared(void) {
  static const uint64_t one = 1;
  move_to(open("ring", O_RDWR | O_CREAT, 0600), FILE_FD);
  move_to(eventfd(0, EFD_NONBLOCK), EVENT_FD);
  CHECK(write(EVENT_FD, &one, sizeof one) == sizeof one);
}

static void make_ring(void) {
  int ends[2];
  open_shared();
  CHECK(pipe(ends) == 0);
  ring.out = fcntl(ends[1], F_DUPFD_CLOEXEC, 600);
  close(ends[1]);
  for (int i = 1; i <= MEMBERS; i++) {
    int next[2], in = ends[0];
    CHECK(pipe(next) == 0);
    int later = fcntl(next[0], F_DUPFD_CLOEXEC, 600);
    close(next[0]);
    start_member(i, in, next[1]);
    close(in);
    close(next[1]);
    ends[0] = later;
  }
  ring.in = ends[0];
  ring.is_there = true;
  ring.token = (struct token){.events = 1};
}

static void end_ring(void) {
  ring.token.ends = true;
  send(ring.out, &ring.token);
  CHECK(receive(ring.in).ends);
  for (int i = 1; i <= MEMBERS; i++) {
    int status;
    CHECK(waitpid(ring.pid[i - 1], &status, 0) == ring.pid[i - 1]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == i);
  }
  close(ring.in);
  close(ring.out);
  close(FILE_FD);
  close(EVENT_FD);
  ring = (struct ring){0};
}

static void take_token(void) {
  struct token t = receive(ring.in);
  ring.is_out = false;
  CHECK(t.offset == (ring.token.offset + MEMBERS * (MEMBERS + 1) / 2) % MOST);
  ring.token = t;
  use(&ring.token, 5);
}

static void play(void) {
  if (!ring.is_there) {
    if (live_random(4) == 0)
      make_ring();
    return;
  }
  if (ring.is_out)
    take_token();
  if (live_random(30) == 0) {
    end_ring();
    return;
  }
  send(ring.out, &ring.token);
  ring.is_out = true;
}

int main(int count, char **words) {
  self = words[0];
  if (count > 1)
    be_member(atoi(words[1]));
  live_begin();
  make_ring();
  do
    play();
  while (live_tick());
  if (ring.is_out)
    take_token();
  if (ring.is_there)
    end_ring();
  live_pass();
}
