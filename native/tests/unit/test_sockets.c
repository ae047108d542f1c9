// SPDX-License-Identifier: EPL-2.0
// Sockets: what the kernel tells of them, looking into queues, and sockets of an image that cannot be.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "image/metadata.h"
#include "kernel/unix_diag.h"
#include "resource/descriptors.h"
#include "unit.h"

static ino_t inode_of(int fd) {
  struct stat st;
  assert_int_equal(fstat(fd, &st), 0);
  return st.st_ino;
}

// ---- sock_diag ----

static void tellsThePeerAndHalfCloses(void **state) {
  (void)state;
  struct unix_diag d;
  int ends[2], diag = unix_diag_open();
  assert_true(diag >= 0);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
  assert_int_equal(unix_diag_read(diag, inode_of(ends[0]), &d), 0);
  assert_true(d.has_peer && d.peer == inode_of(ends[1]) && d.shutdown == 2 && !d.has_file);
  ino_t gone = inode_of(ends[1]);
  assert_int_equal(close(ends[1]), 0);
  assert_int_equal(unix_diag_read(diag, inode_of(ends[0]), &d), 0);
  assert_true(d.has_peer && d.peer == 0 && d.shutdown == 3);
  assert_int_equal(unix_diag_read(diag, gone, &d), -ENOENT);
  assert_int_equal(close(ends[0]) | close(diag), 0);
}

static int listening_at(struct sockaddr_un *name) {
  *name = (struct sockaddr_un){.sun_family = AF_UNIX};
  snprintf(name->sun_path + 1, sizeof name->sun_path - 1, "snapback-unit-%d", (int)getpid());
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)name, sizeof *name) | listen(fd, 7), 0);
  return fd;
}

static void tellsWhoWaitsInOrder(void **state) {
  (void)state;
  struct sockaddr_un name;
  struct unix_diag d;
  int server = listening_at(&name), client[2], diag = unix_diag_open();
  for (int i = 0; i < 2; i++) {
    client[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client[i], (struct sockaddr *)&name, sizeof name), 0);
  }
  assert_int_equal(unix_diag_read(diag, inode_of(server), &d), 0);
  assert_int_equal(d.backlog, 7);
  assert_int_equal(d.waiting_count, 2);
  assert_true(d.waiting[0] == inode_of(client[0]) && d.waiting[1] == inode_of(client[1]));
  unix_diag_done(&d);
  assert_int_equal(send(client[0], "x", 1, 0), 1);
  assert_int_equal(unix_diag_read(diag, inode_of(client[0]), &d), 0);
  assert_true(d.unsent > 0);
  assert_int_equal(close(server) | close(client[0]) | close(client[1]) | close(diag), 0);
}

// ---- queues ----

static void send_file(int road, const char *bytes, int fd) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct iovec v = {(char *)bytes, strlen(bytes)};
  struct msghdr m = {
      .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  assert_int_equal(sendmsg(road, &m, 0), (ssize_t)v.iov_len);
}

static void looksWithoutTakingAnythingOut(void **state) {
  (void)state;
  int ends[2];
  struct socket_queue q, again;
  struct socket_state s = {.type = SOCK_STREAM};
  struct sockets *all = sockets_new();
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  assert_int_equal(send(ends[0], "first", 5, 0), 5);
  send_file(ends[0], "file", STDIN_FILENO);
  assert_int_equal(send(ends[0], "last", 4, 0), 4);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(socket_queue_peek(ends[1], all, &s, &q, NULL), 0);
    assert_int_equal(q.count, 3);
    assert_true(q.message[0].size == 5 && q.message[1].size == 4 && q.message[2].size == 4);
    assert_memory_equal(q.message[1].bytes, "file", 4);
    assert_true(!q.message[0].files && q.message[1].files == 1 && !q.message[2].files);
    assert_int_equal(socket_queue_peek(ends[1], all, &s, &again, NULL), 0);
    assert_true(socket_queue_is_same(&q, &again));
    socket_queue_done(&again);
    if (i == 0)
      socket_queue_done(&q);
  }
  assert_int_equal(socket_queue_drain(ends[1]), 0);
  assert_int_equal(socket_queue_peek(ends[1], all, &s, &again, NULL), 0);
  assert_true(again.count == 0 && !socket_queue_is_same(&q, &again));
  for (size_t i = 0; i < q.count; i++)
    assert_int_equal(socket_message_send(ends[0], &q.message[i], NULL), 0);
  assert_int_equal(socket_queue_peek(ends[1], all, &s, &again, NULL), 0);
  assert_true(socket_queue_is_same(&q, &again));
  socket_queue_done(&q);
  socket_queue_done(&again);
  sockets_release(all);
  assert_int_equal(close(ends[0]) | close(ends[1]), 0);
}

static void tellsDatagramsApart(void **state) {
  (void)state;
  int ends[2];
  struct socket_queue q;
  struct socket_state s = {.type = SOCK_DGRAM};
  assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
  assert_int_equal(send(ends[0], "one", 3, 0) + send(ends[0], "", 0, 0) + send(ends[0], "three", 5, 0), 8);
  assert_int_equal(socket_queue_peek(ends[1], NULL, &s, &q, NULL), 0);
  assert_int_equal(q.count, 3);
  assert_true(q.message[0].size == 3 && q.message[1].size == 0 && q.message[2].size == 5);
  socket_queue_done(&q);
  assert_int_equal(socket_queue_drain(ends[1]), 0);
  assert_int_equal(close(ends[0]) | close(ends[1]), 0);
}

// ---- images ----

#define OTHER(name) SNAPBACK__IMAGE__SOCKET_PEER__SOCKET_PEER_##name
enum { SOCKETS = 4 };

// A connection, a socket that listens, and one that waits there.
struct sample {
  Snapback__Image__Image image;
  Snapback__Image__OpenFile file[SOCKETS], *files[SOCKETS];
  Snapback__Image__Socket socket[SOCKETS];
  Snapback__Image__SocketMessage message, *messages[1];
  Snapback__Image__SocketOption option, *options[1];
  uint32_t waiting[1], in_flight[1];
  uint8_t bytes[200];
};

static void sample_init(struct sample *s) {
  *s = (struct sample){.waiting = {4}, .in_flight = {2}};
  snapback__image__image__init(&s->image);
  snapback__image__socket_message__init(&s->message);
  snapback__image__socket_option__init(&s->option);
  for (uint32_t i = 0; i < SOCKETS; i++) {
    snapback__image__open_file__init(&s->file[i]);
    snapback__image__socket__init(&s->socket[i]);
    s->files[i] = &s->file[i];
    s->file[i].socket = &s->socket[i];
    s->socket[i].id = i + 1;
    s->socket[i].family = AF_UNIX;
    s->socket[i].type = SOCK_STREAM;
  }
  s->socket[0].peer_kind = s->socket[1].peer_kind = OTHER(INSIDE);
  s->socket[0].peer = 2;
  s->socket[1].peer = 1;
  s->socket[2].listens = true;
  s->socket[2].n_waiting = 1;
  s->socket[2].waiting = s->waiting;
  s->socket[3].peer_kind = OTHER(WAITING);
  s->socket[3].peer = 3;
  s->messages[0] = &s->message;
  s->message.n_open_file = 1;
  s->message.open_file = s->in_flight;
  s->socket[0].n_queue = 1;
  s->socket[0].queue = s->messages;
  s->options[0] = &s->option;
  s->socket[0].n_option = 1;
  s->socket[0].option = s->options;
  s->image.n_open_file = SOCKETS;
  s->image.open_file = s->files;
}

static void longName(struct sample *s) { s->socket[0].name = (ProtobufCBinaryData){127, s->bytes}; }
static void longSender(struct sample *s) { s->message.sender = (ProtobufCBinaryData){127, s->bytes}; }
static void longOption(struct sample *s) { s->option.value = (ProtobufCBinaryData){33, s->bytes}; }
static void gapInTheNumbers(struct sample *s) { s->socket[3].id = 9; }
static void numberTwice(struct sample *s) { s->socket[3].id = 1; }
static void numberZero(struct sample *s) { s->socket[3].id = 0; }
static void unknownPeer(struct sample *s) { s->socket[0].peer = 5; }
static void noPeer(struct sample *s) { s->socket[0].peer = 0; }
static void peerWithoutKind(struct sample *s) { s->socket[0].peer_kind = OTHER(NONE); }
static void peerOfNoKind(struct sample *s) { s->socket[0].peer_kind = 9; }
static void ownPeer(struct sample *s) { s->socket[0].peer = 1; }
static void oneSided(struct sample *s) { s->socket[1].peer_kind = OTHER(GONE), s->socket[1].peer = 0; }
static void peerOfAnotherType(struct sample *s) { s->socket[1].type = SOCK_SEQPACKET; }
static void peerOfAnotherFamily(struct sample *s) { s->socket[1].family = AF_INET; }
static void waitsForNobody(struct sample *s) { s->socket[2].listens = false; }
static void unknownWaiting(struct sample *s) { s->waiting[0] = 5; }
static void waitingWithoutKnowing(struct sample *s) { s->waiting[0] = 1; }
static void unknownFileInFlight(struct sample *s) { s->in_flight[0] = 77; }
static void noType(struct sample *s) { s->socket[0].type = 0; }
static void shutMoreThanBoth(struct sample *s) { s->socket[0].shutdown = 4; }
static void endlessBacklog(struct sample *s) { s->socket[2].backlog = UINT32_MAX; }

static bool has_open_file(const void *data, uint32_t id) {
  (void)data;
  return id > 0 && id <= SOCKETS;
}

#define CASE(name) \
  { #name, name }
static const struct {
  const char *name;
  void (*spoil)(struct sample *s);
} spoils[] = {CASE(longName),
              CASE(longSender),
              CASE(longOption),
              CASE(gapInTheNumbers),
              CASE(numberTwice),
              CASE(numberZero),
              CASE(unknownPeer),
              CASE(noPeer),
              CASE(peerWithoutKind),
              CASE(peerOfNoKind),
              CASE(ownPeer),
              CASE(oneSided),
              CASE(noType),
              CASE(unknownWaiting),
              CASE(peerOfAnotherType),
              CASE(waitsForNobody),
              CASE(endlessBacklog),
              CASE(peerOfAnotherFamily),
              CASE(shutMoreThanBoth),
              CASE(unknownFileInFlight),
              CASE(waitingWithoutKnowing)};

static void refusesSocketsThatCannotBe(void **state) {
  (void)state;
  struct sample s;
  sample_init(&s);
  assert_true(metadata_sockets_sound(&s.image, has_open_file, NULL));
  for (size_t i = 0; i < sizeof spoils / sizeof *spoils; i++) {
    sample_init(&s);
    spoils[i].spoil(&s);
    if (metadata_sockets_sound(&s.image, has_open_file, NULL))
      fail_msg("accepted: %s", spoils[i].name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tellsThePeerAndHalfCloses),     cmocka_unit_test(tellsWhoWaitsInOrder),
      cmocka_unit_test(looksWithoutTakingAnythingOut), cmocka_unit_test(tellsDatagramsApart),
      cmocka_unit_test(refusesSocketsThatCannotBe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
