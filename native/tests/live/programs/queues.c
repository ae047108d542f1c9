// SPDX-License-Identifier: EPL-2.0
// System V message queues: made and removed, filled and emptied in any order of types, made smaller than what is in
// them; a thread waits for a message of its own type.
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

enum { QUEUES = 3, MOST = 12, TYPES = 4, KEY = 0x9e0e0000, LARGEST = 1200, QUESTION = 1, ANSWER = 2 };

struct message {
  long type;
  unsigned char bytes[LARGEST];
};

static struct queue {
  bool exists;
  int id;
  unsigned long room;
  unsigned count;
  struct {
    long type;
    size_t size;
    uint64_t stamp;
  } held[MOST];
} queues[QUEUES];

static struct message room;  // not on a stack that a rewind would have to copy

static void check(const struct queue *q, key_t key) {
  struct msqid_ds ds;
  if (!q->exists) {
    CHECK(msgget(key, 0) < 0 && errno == ENOENT);
    return;
  }
  CHECK(msgget(key, 0) == q->id);
  CHECK(msgctl(q->id, IPC_STAT, &ds) == 0);
  CHECK(ds.msg_qnum == q->count && ds.msg_qbytes == q->room);
}

static void make(struct queue *q, key_t key) {
  struct queue made = {.exists = true};
  struct msqid_ds ds;
  made.id = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
  CHECK(made.id >= 0 && msgctl(made.id, IPC_STAT, &ds) == 0);
  made.room = ds.msg_qbytes;
  *q = made;
}

static void fill(unsigned char *bytes, size_t size, uint64_t stamp) {
  for (size_t i = 0; i < size; i++)
    bytes[i] = (unsigned char)(stamp >> i % 8 * 8);
}

static unsigned long used(const struct queue *q) {
  unsigned long sum = 0;
  for (unsigned i = 0; i < q->count; i++)
    sum += q->held[i].size;
  return sum;
}

static void send(struct queue *q) {
  struct queue now = *q;
  size_t size = live_random(LARGEST + 1);
  if (now.count == MOST || used(q) + size > q->room)
    return;
  now.held[now.count].type = room.type = 1 + (long)live_random(TYPES);
  now.held[now.count].size = size;
  now.held[now.count].stamp = live_stamp(now.count, live_ticks());
  fill(room.bytes, size, now.held[now.count++].stamp);
  CHECK(msgsnd(q->id, &room, size, IPC_NOWAIT) == 0);
  *q = now;
}

static void receive(struct queue *q) {
  unsigned char expected[LARGEST];
  struct queue now = *q;
  long type = live_random(2) ? 1 + (long)live_random(TYPES) : 0;
  unsigned i = 0;
  while (i < now.count && type && now.held[i].type != type)
    i++;
  ssize_t n = msgrcv(q->id, &room, LARGEST, type, IPC_NOWAIT);
  if (i == now.count) {
    CHECK(n < 0 && errno == ENOMSG);
    return;
  }
  fill(expected, now.held[i].size, now.held[i].stamp);
  CHECK(n == (ssize_t)now.held[i].size && room.type == now.held[i].type);
  CHECK(memcmp(room.bytes, expected, (size_t)n) == 0);
  memmove(&now.held[i], &now.held[i + 1], (now.count - i - 1) * sizeof now.held[0]);
  now.count--;
  *q = now;
}

static void resize(struct queue *q) {
  struct msqid_ds ds;
  CHECK(msgctl(q->id, IPC_STAT, &ds) == 0);
  q->room = ds.msg_qbytes = 1 + live_random(16384);
  CHECK(msgctl(q->id, IPC_SET, &ds) == 0);
}

static void remove_queue(struct queue *q) {
  CHECK(msgctl(q->id, IPC_RMID, NULL) == 0);
  *q = (struct queue){0};
}

static void play(struct queue *q, key_t key) {
  if (!q->exists)
    make(q, key);
  else if (live_random(16) == 0)
    remove_queue(q);
  else if (live_random(10) == 0)
    resize(q);
  else if (live_random(2))
    send(q);
  else
    receive(q);
}

static int talk;
static bool ends;

static void transfer(bool sends, long type, uint64_t *word) {
  struct {
    long type;
    uint64_t word;
  } m = {type, *word};
  while ((sends ? msgsnd(talk, &m, sizeof m.word, 0) : msgrcv(talk, &m, sizeof m.word, type, 0)) < 0)
    if (errno == EIDRM && ends)
      pthread_exit(NULL);
    else
      CHECK(errno == EINTR);
  *word = m.word;
}

static void *answer(void *unused) {
  (void)unused;
  for (uint64_t word = 0;; word = 0) {
    transfer(false, QUESTION, &word);
    word = ~word;
    transfer(true, ANSWER, &word);
  }
  return NULL;
}

int main(void) {
  pthread_t thread;
  live_begin();
  talk = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  CHECK(talk >= 0 && pthread_create(&thread, NULL, answer, NULL) == 0);
  do {
    for (int i = 0; i < QUEUES; i++)
      check(&queues[i], KEY + i);
    int i = (int)live_random(QUEUES);
    play(&queues[i], KEY + i);
    uint64_t asked = live_stamp(1, live_ticks()), word = asked;
    transfer(true, QUESTION, &word);
    transfer(false, ANSWER, &word);
    CHECK(word == ~asked);
  } while (live_tick());
  for (unsigned i = 0; i < QUEUES; i++)
    if (queues[i].exists)
      remove_queue(&queues[i]);
  ends = true;
  CHECK(msgctl(talk, IPC_RMID, NULL) == 0 && pthread_join(thread, NULL) == 0);
  live_pass();
}
