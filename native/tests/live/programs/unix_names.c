// SPDX-License-Identifier: EPL-2.0
// Unix sockets with names against a model: listening ones with clients that wait, connections, datagrams from senders
// with and without a name, credentials, options, and an epoll set that watches all of it.
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { SERVERS = 4, CLIENTS = 6, BOXES = 3, MAIL = 6 };

// Abstract names are those of the whole machine; the folder is this run's own.
static unsigned long folder_number(void) {
  struct stat st;
  CHECK(stat(".", &st) == 0);
  return st.st_ino;
}

static struct sockaddr_un name_of(const char *what, unsigned i, bool abstract, socklen_t *ret_size) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int n = abstract ? snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "live-%s%u-%lu", what, i, folder_number())
                   : snprintf(a.sun_path, sizeof a.sun_path, i % 2 ? "%s%u.sock" : "./%s%u.sock", what, i);
  *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
  return a;
}

static bool is_name(const struct sockaddr_un *a, socklen_t size, const struct sockaddr_un *b, socklen_t b_size) {
  return size == b_size && memcmp(a, b, size) == 0;
}

// ---- servers and clients ----

static struct server {
  int fd;  // 0: none
  bool abstract;
  int waiting[CLIENTS], count;
} servers[SERVERS];
static struct client {
  int fd, accepted;         // 0: none
  struct sockaddr_un name;  // of the server
  socklen_t name_size;
  uint64_t seed, sent[2], taken[2];  // by the client, by the accepted one
} clients[CLIENTS];
static int set;

static int type_of(unsigned server) { return server < 2 ? SOCK_STREAM : SOCK_SEQPACKET; }

static void watch(int fd, uint64_t data) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void open_server(unsigned i) {
  struct server *s = &servers[i];
  socklen_t size;
  *s = (struct server){.abstract = live_random(2)};
  struct sockaddr_un name = name_of("server", i, s->abstract, &size);
  CHECK(s->abstract || unlink(name.sun_path) == 0 || errno == ENOENT);  // of what has been taken back, or killed
  s->fd = socket(AF_UNIX, type_of(i) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  CHECK(s->fd > 0 && bind(s->fd, (struct sockaddr *)&name, size) == 0);
  CHECK(s->abstract || chmod(name.sun_path, i % 2 ? 0600 : 0660) == 0);
  CHECK(listen(s->fd, CLIENTS) == 0);
  watch(s->fd, 100 + i);
}

static void forget(struct client *c) {
  if (c->fd)
    CHECK(close(c->fd) == 0);
  if (c->accepted)
    CHECK(close(c->accepted) == 0);
  *c = (struct client){0};
}

static void close_server(unsigned i) {
  struct server *s = &servers[i];
  socklen_t size;
  struct sockaddr_un name = name_of("server", i, s->abstract, &size);
  CHECK(s->abstract || unlink(name.sun_path) == 0);  // first: a rewind brings back the name of a socket that is there
  CHECK(close(s->fd) == 0);
  for (int k = 0; k < s->count; k++)
    forget(&clients[s->waiting[k]]);
  *s = (struct server){0};
}

static void turn_server(void) {
  unsigned i = live_random(SERVERS);
  if (!servers[i].fd)
    open_server(i);
  else if (live_random(6) == 0)
    close_server(i);
}

static void connect_client(unsigned k) {
  struct client *c = &clients[k];
  unsigned i = live_random(SERVERS);
  struct server *s = &servers[i];
  socklen_t size;
  if (c->fd || !s->fd)
    return;
  struct sockaddr_un name = name_of("server", i, s->abstract, &size);
  *c = (struct client){.name = name, .name_size = size, .seed = live_stamp(k, live_ticks())};
  c->fd = socket(AF_UNIX, type_of(i) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  CHECK(c->fd > 0 && connect(c->fd, (struct sockaddr *)&name, size) == 0);
  s->waiting[s->count++] = (int)k;
  watch(c->fd, k);
}

static void accept_client(void) {
  unsigned i = live_random(SERVERS);
  struct server *s = &servers[i];
  if (!s->fd)
    return;
  int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (!s->count) {
    CHECK(fd == -1 && errno == EAGAIN);
    return;
  }
  CHECK(fd > 0);
  clients[s->waiting[0]].accepted = fd;
  memmove(s->waiting, s->waiting + 1, sizeof s->waiting - sizeof *s->waiting);
  s->count--;
}

static void talk(struct client *c, unsigned side) {
  if (!c->accepted || c->sent[side] - c->taken[side] > 20)
    return;
  uint64_t word = live_stamp(c->seed + side, c->sent[side]++);
  CHECK(send(side ? c->accepted : c->fd, &word, sizeof word, 0) == sizeof word);
}

static void listen_to(struct client *c, unsigned side) {
  uint64_t word = 0;
  if (!c->accepted)
    return;
  ssize_t n = recv(side ? c->fd : c->accepted, &word, sizeof word, 0);
  if (c->sent[side] == c->taken[side])
    CHECK(n == -1 && errno == EAGAIN);
  else
    CHECK(n == sizeof word && word == live_stamp(c->seed + side, c->taken[side]++));
}

// A connection that is made again to an abstract name may lose that: there is but one of a name.
static void check_name(const struct client *c, const struct sockaddr_un *seen, socklen_t size) {
  CHECK(is_name(seen, size, &c->name, c->name_size) || (!c->name.sun_path[0] && size <= sizeof(sa_family_t)));
}

static void check_names(const struct client *c) {
  socklen_t size = sizeof(struct sockaddr_un);
  struct sockaddr_un seen;
  struct ucred other;
  if (!c->accepted)
    return;
  CHECK(getpeername(c->fd, (struct sockaddr *)&seen, &size) == 0);
  check_name(c, &seen, size);
  size = sizeof seen;
  CHECK(getsockname(c->accepted, (struct sockaddr *)&seen, &size) == 0);
  check_name(c, &seen, size);
  size = sizeof other;
  CHECK(getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &other, &size) == 0 && other.uid == geteuid());
}

static void turn_client(void) {
  unsigned k = live_random(CLIENTS);
  struct client *c = &clients[k];
  if (!c->fd)
    connect_client(k);
  else if (c->accepted && live_random(12) == 0)
    forget(c);
  (live_random(2) ? talk : listen_to)(c, live_random(2));
  (live_random(2) ? talk : listen_to)(c, live_random(2));
  check_names(c);
}

static void check_set(void) {
  struct epoll_event got[SERVERS + CLIENTS + 1];
  unsigned ready = 0, wanted = 0;
  int n = epoll_wait(set, got, SERVERS + CLIENTS + 1, 0);
  for (unsigned i = 0; i < SERVERS; i++)
    wanted += servers[i].fd && servers[i].count;
  for (unsigned k = 0; k < CLIENTS; k++)
    wanted += clients[k].accepted && clients[k].sent[1] > clients[k].taken[1];
  for (int i = 0; i < n; i++) {
    uint64_t who = got[i].data.u64;
    ready += got[i].events == EPOLLIN && (who >= 100 ? servers[who - 100].count > 0 : clients[who].accepted > 0);
  }
  CHECK(n == (int)wanted && ready == wanted);
}

// ---- datagrams ----

static struct box {
  int fd;  // 0: none
  bool abstract, credentials;
  struct {
    uint64_t word;
    bool named;
  } mail[MAIL];
  unsigned count;
} boxes[BOXES];
static int sender, connected, connected_to = -1;  // one with a name, one without

static void open_box(unsigned i) {
  struct box *b = &boxes[i];
  socklen_t size;
  *b = (struct box){.abstract = live_random(2), .credentials = live_random(2)};
  struct sockaddr_un name = name_of("box", i, b->abstract, &size);
  CHECK(b->abstract || unlink(name.sun_path) == 0 || errno == ENOENT);
  b->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int one = b->credentials;
  CHECK(b->fd > 0 && bind(b->fd, (struct sockaddr *)&name, size) == 0);
  CHECK(setsockopt(b->fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one) == 0);
}

static void close_box(unsigned i) {
  struct box *b = &boxes[i];
  socklen_t size;
  struct sockaddr_un name = name_of("box", i, b->abstract, &size);
  CHECK((b->abstract || unlink(name.sun_path) == 0) && close(b->fd) == 0);  // in this order, as above
  *b = (struct box){0};
  if (connected_to != (int)i)
    return;
  uint64_t word = 0;
  CHECK(send(connected, &word, sizeof word, 0) == -1 && (errno == ECONNREFUSED || errno == ENOTCONN));
  connected_to = -1;
}

static void post(unsigned i) {
  struct box *b = &boxes[i];
  socklen_t size;
  struct sockaddr_un name = name_of("box", i, b->abstract, &size);
  if (!b->fd || b->count == MAIL)
    return;
  uint64_t word = live_stamp(i, live_ticks() * 7 + b->count);
  bool named = live_random(2);
  if (named)
    CHECK(sendto(sender, &word, sizeof word, 0, (struct sockaddr *)&name, size) == sizeof word);
  else if (connected_to == (int)i)
    CHECK(send(connected, &word, sizeof word, 0) == sizeof word);
  else
    CHECK(sendto(connected, &word, sizeof word, 0, (struct sockaddr *)&name, size) == sizeof word);
  b->mail[b->count].word = word;
  b->mail[b->count++].named = named;
}

static void check_credentials(struct msghdr *m, bool wanted) {
  struct cmsghdr *c = CMSG_FIRSTHDR(m);
  struct ucred who;
  CHECK((c != NULL) == wanted);
  if (!c)
    return;
  memcpy(&who, CMSG_DATA(c), sizeof who);
  CHECK(c->cmsg_type == SCM_CREDENTIALS && who.pid == getpid() && who.uid == geteuid());
}

static void collect(unsigned i) {
  struct box *b = &boxes[i];
  struct sockaddr_un from, name;
  socklen_t size;
  uint64_t word;
  union {
    char bytes[CMSG_SPACE(sizeof(struct ucred))];
    struct cmsghdr align;
  } control;
  struct iovec v = {&word, sizeof word};
  struct msghdr m = {.msg_iov = &v,
                     .msg_iovlen = 1,
                     .msg_name = &from,
                     .msg_namelen = sizeof from,
                     .msg_control = control.bytes,
                     .msg_controllen = sizeof control.bytes};
  if (!b->fd)
    return;
  ssize_t n = recvmsg(b->fd, &m, 0);
  if (!b->count) {
    CHECK(n == -1 && errno == EAGAIN);
    return;
  }
  CHECK(n == sizeof word && word == b->mail[0].word);
  name = name_of("sender", 0, false, &size);
  CHECK(b->mail[0].named ? is_name(&from, m.msg_namelen, &name, size) : m.msg_namelen <= sizeof(sa_family_t));
  check_credentials(&m, b->credentials);
  memmove(b->mail, b->mail + 1, sizeof b->mail - sizeof *b->mail);
  b->count--;
}

static void turn_box(void) {
  unsigned i = live_random(BOXES);
  struct box *b = &boxes[i];
  socklen_t size;
  if (!b->fd) {
    open_box(i);
  } else if (live_random(8) == 0) {
    close_box(i);
  } else if (connected_to < 0) {
    struct sockaddr_un name = name_of("box", i, b->abstract, &size);
    CHECK(connect(connected, (struct sockaddr *)&name, size) == 0);
    connected_to = (int)i;
  }
  post(i);
  (live_random(2) ? collect : post)(live_random(BOXES));
}

static void check_connected(void) {
  struct sockaddr_un seen, name;
  socklen_t size, got = sizeof seen;
  int r = getpeername(connected, (struct sockaddr *)&seen, &got);
  if (connected_to < 0) {
    CHECK(r == -1 && errno == ENOTCONN);
    return;
  }
  name = name_of("box", (unsigned)connected_to, boxes[connected_to].abstract, &size);
  CHECK(r == 0 && is_name(&seen, got, &name, size));
}

// ---- options ----

static int told_size;
static long told_wait;

static void turn_options(void) {
  int size = 0;
  struct timeval wait;
  socklen_t size_of_size = sizeof size, size_of_wait = sizeof wait;
  CHECK(getsockopt(sender, SOL_SOCKET, SO_SNDBUF, &size, &size_of_size) == 0);
  CHECK(getsockopt(sender, SOL_SOCKET, SO_RCVTIMEO, &wait, &size_of_wait) == 0);
  CHECK((!told_size || size == 2 * told_size) && wait.tv_sec == told_wait);
  if (live_random(5))
    return;
  told_size = 20000 + 1000 * (int)live_random(50);
  wait = (struct timeval){.tv_sec = told_wait = 1 + live_random(100)};
  CHECK(setsockopt(sender, SOL_SOCKET, SO_SNDBUF, &told_size, sizeof told_size) == 0);
  CHECK(setsockopt(sender, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
}

static void enter_folder(void) {
  char folder[1024];
  snprintf(folder, sizeof folder, "%s.names", getenv("LIVE_JOURNAL"));
  CHECK(mkdir(folder, 0700) == 0 && chdir(folder) == 0);
}

static void remove_name(const char *what, unsigned i) {
  socklen_t size;
  struct sockaddr_un name = name_of(what, i, false, &size);
  CHECK(unlink(name.sun_path) == 0 || errno == ENOENT);
}

// A rewind takes the names away that were given since. One that was killed leaves them to the one that is restarted.
static void leave_folder(void) {
  char folder[1024];
  for (unsigned i = 0; getenv("LIVE_KILLED") && i < SERVERS; i++)
    remove_name("server", i);
  for (unsigned i = 0; getenv("LIVE_KILLED") && i < BOXES; i++)
    remove_name("box", i);
  CHECK(unlink("./sender0.sock") == 0 && getcwd(folder, sizeof folder) && rmdir(folder) == 0);
}

int main(void) {
  socklen_t size;
  live_begin();
  signal(SIGPIPE, SIG_IGN);
  enter_folder();
  set = epoll_create1(EPOLL_CLOEXEC);
  struct sockaddr_un name = name_of("sender", 0, false, &size);
  sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  connected = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  CHECK(set > 0 && sender > 0 && connected > 0 && bind(sender, (struct sockaddr *)&name, size) == 0);
  do {
    for (unsigned k = 1 + live_random(4); k; k--) {
      turn_server();
      turn_client();
      accept_client();
      turn_box();
    }
    turn_options();
    check_set();
    check_connected();
  } while (live_tick());
  for (unsigned i = 0; i < SERVERS; i++)
    if (servers[i].fd)
      close_server(i);
  for (unsigned i = 0; i < BOXES; i++)
    if (boxes[i].fd)
      close_box(i);
  leave_folder();
  live_pass();
}
