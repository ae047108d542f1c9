// SPDX-License-Identifier: EPL-2.0
// Processes that talk over unix sockets: workers that come and go ask a server by its name, word by word, and take
// orders over a pair. Each word is checked against its place in the talk, at both ends.
#include "live.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 4, GREETING = 'g', QUIT = 'q' };

static struct worker {
  pid_t pid;       // 0: none
  int talk, pair;  // -1: not connected yet
  uint64_t seed, count;
  bool quits;
} workers[WORKERS];
static int server;

static struct sockaddr_un name(void) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path, sizeof a.sun_path, "./talk.sock");
  return a;
}

// The server has been killed; when it has not, it will be astonished by this end.
static void check_or_end(bool done) {
  if (!done)
    _exit(8);
}

static void exchange(int talk, uint64_t seed, uint64_t count) {
  uint64_t word = live_stamp(seed, count);
  check_or_end(send(talk, &word, sizeof word, MSG_NOSIGNAL) == sizeof word);
  check_or_end(recv(talk, &word, sizeof word, MSG_WAITALL) == sizeof word);
  CHECK(word == live_stamp(seed + 1, count));
}

// The server greets before anything is sent; the pair is closed when the session's first process is gone.
static void work(int pair, uint64_t seed) {
  struct sockaddr_un to = name();
  int talk = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char order = 0;
  CHECK(talk >= 0);
  check_or_end(connect(talk, (struct sockaddr *)&to, sizeof to) == 0);
  check_or_end(recv(talk, &order, 1, 0) == 1 && order == GREETING);
  check_or_end(send(talk, &seed, sizeof seed, MSG_NOSIGNAL) == sizeof seed);
  for (uint64_t count = 0;; count++) {
    ssize_t n = recv(pair, &order, 1, MSG_DONTWAIT);
    if (n >= 0)
      break;
    CHECK(errno == EAGAIN);
    exchange(talk, seed, count);
    usleep(300);
  }
  check_or_end(order == QUIT);
  CHECK(shutdown(talk, SHUT_WR) == 0);
  CHECK(recv(talk, &order, 1, 0) == 0);
  _exit(7);
}

static void start(struct worker *w) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  *w = (struct worker){.talk = -1, .pair = ends[0], .seed = live_stamp(live_random(1000), live_ticks())};
  w->pid = fork();
  CHECK(w->pid >= 0);
  if (w->pid == 0) {
    for (unsigned i = 0; i < WORKERS; i++) {
      if (workers[i].pid && workers[i].talk >= 0)
        CHECK(close(workers[i].talk) == 0);
      if (workers[i].pid)
        CHECK(close(workers[i].pair) == 0);
    }
    CHECK(close(w->pair) == 0 && close(server) == 0);
    work(ends[1], w->seed);
  }
  CHECK(close(ends[1]) == 0);
}

static void greet(void) {
  struct pollfd p = {.fd = server, .events = POLLIN};
  uint64_t seed = 0;
  if (poll(&p, 1, 0) != 1)
    return;
  int talk = accept4(server, NULL, NULL, SOCK_CLOEXEC);
  char word = GREETING;
  CHECK(talk >= 0 && send(talk, &word, 1, MSG_NOSIGNAL) == 1);
  CHECK(recv(talk, &seed, sizeof seed, MSG_WAITALL) == sizeof seed);
  for (unsigned i = 0; i < WORKERS; i++)
    if (workers[i].pid && workers[i].seed == seed)
      workers[i].talk = talk;
}

static void end(struct worker *w) {
  int status;
  CHECK(close(w->talk) == 0 && close(w->pair) == 0);
  while (waitpid(w->pid, &status, 0) < 0)
    CHECK(errno == EINTR);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  *w = (struct worker){0};
}

static void answer(struct worker *w) {
  struct pollfd p = {.fd = w->talk, .events = POLLIN};
  uint64_t word = 0;
  if (!w->pid || w->talk < 0 || poll(&p, 1, 0) != 1)
    return;
  ssize_t n = recv(w->talk, &word, sizeof word, MSG_WAITALL);
  if (n == 0) {
    CHECK(w->quits);
    end(w);
    return;
  }
  CHECK(n == sizeof word && word == live_stamp(w->seed, w->count));
  word = live_stamp(w->seed + 1, w->count++);
  CHECK(send(w->talk, &word, sizeof word, MSG_NOSIGNAL) == sizeof word);
}

static void quit(struct worker *w) {
  char order = QUIT;
  if (!w->pid || w->quits || w->talk < 0)
    return;
  CHECK(send(w->pair, &order, 1, MSG_NOSIGNAL) == 1);
  w->quits = true;
}

static void turn(void) {
  struct worker *w = &workers[live_random(WORKERS)];
  if (!w->pid)
    start(w);
  else if (live_random(10) == 0)
    quit(w);
}

static bool any_left(void) {
  bool left = false;
  for (unsigned i = 0; i < WORKERS; i++) {
    quit(&workers[i]);
    left = left || workers[i].pid;
  }
  return left;
}

static void serve(void) {
  struct pollfd p[WORKERS + 1] = {{.fd = server, .events = POLLIN}};
  for (unsigned i = 0; i < WORKERS; i++)
    p[i + 1] = (struct pollfd){.fd = workers[i].pid ? workers[i].talk : -1, .events = POLLIN};
  (void)poll(p, WORKERS + 1, 1);
  greet();
  for (unsigned i = 0; i < WORKERS; i++)
    answer(&workers[i]);
}

int main(void) {
  char folder[1024];
  struct sockaddr_un own = name();
  live_begin();
  snprintf(folder, sizeof folder, "%s.talk", getenv("LIVE_JOURNAL"));
  CHECK(mkdir(folder, 0700) == 0 && chdir(folder) == 0);
  server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(server >= 0 && bind(server, (struct sockaddr *)&own, sizeof own) == 0 && listen(server, WORKERS) == 0);
  do {
    for (unsigned k = 1 + live_random(3); k; k--)
      serve();
    if (live_random(4) == 0)
      turn();
  } while (live_tick_at_once());
  while (any_left())
    serve();
  CHECK(unlink(own.sun_path) == 0 && rmdir(folder) == 0);
  live_pass();
}
