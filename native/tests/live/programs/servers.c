// SPDX-License-Identifier: EPL-2.0
// A server and its client are two processes: each connection gives back what it gets, changed by its place. Connections
// come and go, some are accepted late, some are shut down, and the client waits in reads that block.
#include "live.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 6, PIECE = 6000, MOST = 30000, DEADLINE_MS = 2000 };

static unsigned char changed(unsigned char byte, uint64_t place) { return (unsigned char)(byte ^ (place * 31 + 7)); }

// ---- the server ----

static struct served {
  int fd;
  bool used, is_over;  // nothing more comes
  unsigned char bytes[PIECE];
  size_t size, done;  // to be sent
  uint64_t place;
} served[CONNECTIONS];

static void take(int listening) {
  for (unsigned i = 0; i < CONNECTIONS; i++) {
    struct served *s = &served[i];
    if (s->used)
      continue;
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
      *s = (struct served){.fd = fd, .used = true};
    return;
  }
}

// A client that is killed resets its connections, and a moment later we end with it.
static void check_call(ssize_t n) {
  for (int i = 0; n < 0 && (errno == ECONNRESET || errno == EPIPE) && i < DEADLINE_MS; i++)
    (void)usleep(1000);
  CHECK(n >= 0 || errno == EAGAIN);
}

static void serve(struct served *s) {
  if (s->done == s->size && !s->is_over) {
    ssize_t n = read(s->fd, s->bytes, sizeof s->bytes);
    check_call(n);
    s->is_over = n == 0;
    s->done = 0;
    s->size = n > 0 ? (size_t)n : 0;
    for (size_t i = 0; i < s->size; i++)
      s->bytes[i] = changed(s->bytes[i], s->place++);
  }
  if (s->done < s->size) {
    ssize_t n = send(s->fd, s->bytes + s->done, s->size - s->done, MSG_NOSIGNAL);
    check_call(n);
    s->done += n > 0 ? (size_t)n : 0;
  }
  if (s->is_over && s->done == s->size) {
    CHECK(close(s->fd) == 0);
    s->used = false;
  }
}

static _Noreturn void run_server(int listening) {
  CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
  for (;;) {
    struct pollfd p[CONNECTIONS + 1];
    nfds_t count = 0;
    bool has_room = false;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
      has_room = has_room || !served[i].used;
      if (served[i].used)
        p[count++] = (struct pollfd){.fd = served[i].fd, .events = served[i].done < served[i].size ? POLLOUT : POLLIN};
    }
    p[count++] = (struct pollfd){.fd = listening, .events = has_room ? POLLIN : 0};
    CHECK(poll(p, count, -1) > 0 || errno == EINTR);
    for (unsigned i = 0; i < CONNECTIONS; i++)
      if (served[i].used)
        serve(&served[i]);
    if (p[count - 1].revents & POLLIN)
      take(listening);
  }
}

// ---- the client ----

static struct sockaddr_storage server;
static socklen_t server_size;
static struct client {
  int fd;
  bool used, is_over;
  uint64_t seed, sent, received;
} clients[CONNECTIONS];

static unsigned char byte_of(const struct client *c, uint64_t i) { return (unsigned char)live_stamp(c->seed, i); }

static void join(struct client *c) {
  if (c->used)
    return;
  *c = (struct client){.used = true, .seed = live_stamp(live_random(1000), live_ticks())};
  c->fd = socket(server.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&server, server_size) == 0);
}

static void ask(struct client *c) {
  static unsigned char bytes[MOST];
  if (!c->used || c->is_over)
    return;
  size_t size = 1 + live_random(live_random(4) ? 500 : MOST);
  for (size_t i = 0; i < size; i++)
    bytes[i] = byte_of(c, c->sent + i);
  ssize_t n = send(c->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  CHECK(n > 0 || errno == EAGAIN);
  c->sent += n > 0 ? (uint64_t)n : 0;
}

// It waits as long as something must come.
static void hear(struct client *c) {
  static unsigned char bytes[MOST];
  if (!c->used || c->received == c->sent)
    return;
  ssize_t n = recv(c->fd, bytes, 1 + live_random(MOST), 0);
  CHECK(n > 0 && c->received + (uint64_t)n <= c->sent);
  for (ssize_t i = 0; i < n; i++)
    CHECK(bytes[i] == changed(byte_of(c, c->received + (uint64_t)i), c->received + (uint64_t)i));
  c->received += (uint64_t)n;
}

static void shut_down(struct client *c) {
  if (!c->used || c->is_over)
    return;
  CHECK(shutdown(c->fd, SHUT_WR) == 0);
  c->is_over = true;
}

static void leave(struct client *c) {
  char byte;
  if (!c->used || !c->is_over)
    return;
  while (c->received < c->sent)
    hear(c);
  CHECK(recv(c->fd, &byte, 1, 0) == 0);
  CHECK(close(c->fd) == 0);
  c->used = false;
}

static int begin(int family) {
  struct sockaddr_in *four = (struct sockaddr_in *)&server;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)&server;
  if (family == AF_INET)
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  else
    *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
  server_size = family == AF_INET ? sizeof *four : sizeof *six;
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0);
  CHECK(bind(fd, (struct sockaddr *)&server, server_size) == 0 && listen(fd, CONNECTIONS) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)&server, &server_size) == 0);
  return fd;
}

int main(int count, char **arguments) {
  static void (*const changes[])(struct client *) = {join, join, ask, ask, ask, hear, hear, hear, shut_down, leave};
  int status;
  live_begin();
  int listening = begin(count > 1 && strcmp(arguments[1], "6") == 0 ? AF_INET6 : AF_INET);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0)
    run_server(listening);
  CHECK(close(listening) == 0);
  do {
    for (unsigned k = 1 + live_random(6); k; k--)
      changes[live_random(sizeof changes / sizeof *changes)](&clients[live_random(CONNECTIONS)]);
    CHECK(waitpid(child, &status, WNOHANG) == 0);
  } while (live_tick());
  CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
  live_pass();
}
