// SPDX-License-Identifier: EPL-2.0
// System V semaphores: sets made and removed, values, operations that are to be undone when their process ends (by the
// main process, by another thread, and by a child, whose end shows them), and a thread that waits for one.
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETS = 3, MEMBERS = 4, KEY = 0x5e3a0000, HALF = 16000 };

static struct set {
  bool exists;
  int id, value[MEMBERS], to_undo[MEMBERS];  // by this process
} sets[SETS];

static bool ends;
static int ping, pong;  // two sets of one: a thread answers each round

static void check(const struct set *s, key_t key) {
  if (!s->exists) {
    CHECK(semget(key, 0, 0) < 0 && errno == ENOENT);
    return;
  }
  CHECK(semget(key, 0, 0) == s->id);
  for (int i = 0; i < MEMBERS; i++)
    CHECK(semctl(s->id, i, GETVAL) == s->value[i]);
}

static void operate(int id, int number, int by, bool undo) {
  struct sembuf op = {(unsigned short)number, (short)by, undo ? SEM_UNDO : 0};
  while (semop(id, &op, 1) < 0)
    if (errno == EIDRM && ends)
      pthread_exit(NULL);
    else
      CHECK(errno == EINTR);
}

static void make(struct set *s, key_t key) {
  struct set made = {.exists = true};
  made.id = semget(key, MEMBERS, IPC_CREAT | IPC_EXCL | 0600);
  CHECK(made.id >= 0);
  for (int i = 0; i < MEMBERS; i++) {
    made.value[i] = HALF;
    CHECK(semctl(made.id, i, SETVAL, HALF) == 0);
  }
  *s = made;
}

static void change(struct set *s) {
  int number = (int)live_random(MEMBERS), by = (int)live_random(200) - 100;
  bool undo = live_random(2);
  if (!by)
    return;
  struct set now = *s;
  now.value[number] += by;
  now.to_undo[number] -= undo ? by : 0;
  operate(s->id, number, by, undo);
  *s = now;
}

// A fork that ends at once would undo nothing, for adjustments are not inherited. What is to be undone is what comes
// off when the process lets go of its list: a child that shares none makes one, and its end takes that back.
static void check_end_of_child(struct set *s) {
  pid_t child = fork();
  if (child == 0) {
    operate(s->id, 0, 5, true);
    _exit(0);
  }
  int status;
  CHECK(child > 0);
  while (waitpid(child, &status, 0) < 0)
    CHECK(errno == EINTR);
  CHECK(status == 0 && semctl(s->id, 0, GETVAL) == s->value[0]);
}

// In range or not tells what it is, see semop(2): ERANGE.
static bool stays_in_range(const struct set *s, int number, int by) {
  struct sembuf op[] = {{(unsigned short)number, (short)-s->value[number], 0},
                        {(unsigned short)number, (short)abs(by), by < 0 ? SEM_UNDO : 0},
                        {(unsigned short)number, (short)-abs(by), by < 0 ? 0 : SEM_UNDO},
                        {(unsigned short)number, -32768, IPC_NOWAIT}};
  CHECK(semop(s->id, op, 4) < 0 && (errno == EAGAIN || errno == ERANGE));
  return errno == EAGAIN;
}

static void check_undo(const struct set *s) {
  for (int i = 0; i < MEMBERS; i++) {
    int now = s->to_undo[i];
    if (now > 0)
      CHECK(stays_in_range(s, i, 32767 - now) && !stays_in_range(s, i, 32767 - now + 1));
    else
      CHECK(stays_in_range(s, i, -32767 - now) && (now >= -1 || !stays_in_range(s, i, -32767 - now - 2)));
  }
}

static void remove_set(struct set *s) {
  CHECK(semctl(s->id, 0, IPC_RMID) == 0);
  *s = (struct set){0};
}

static void play(struct set *s, key_t key) {
  if (!s->exists)
    make(s, key);
  else if (live_random(12) == 0)
    remove_set(s);
  else
    change(s);
}

static void *answer(void *unused) {
  (void)unused;
  for (;;) {
    operate(ping, 0, -1, false);
    operate(pong, 0, 1, true);
    operate(pong, 0, 0, false);  // until it has been taken
  }
  return NULL;
}

static void exchange(void) {
  operate(ping, 0, 1, false);
  operate(pong, 0, -1, true);
  CHECK(semctl(pong, 0, GETVAL) == 0);
}

int main(void) {
  pthread_t thread;
  live_begin();
  ping = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  pong = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  CHECK(ping >= 0 && pong >= 0);
  CHECK(pthread_create(&thread, NULL, answer, NULL) == 0);
  do {
    for (int i = 0; i < SETS; i++) {
      check(&sets[i], KEY + i);
      if (sets[i].exists)
        check_undo(&sets[i]);
    }
    int i = (int)live_random(SETS);
    play(&sets[i], KEY + i);
    if (sets[i].exists && live_random(30) == 0)
      check_end_of_child(&sets[i]);
    exchange();
  } while (live_tick());
  for (unsigned i = 0; i < SETS; i++)
    if (sets[i].exists)
      remove_set(&sets[i]);
  ends = true;
  CHECK(semctl(ping, 0, IPC_RMID) == 0 && semctl(pong, 0, IPC_RMID) == 0 && pthread_join(thread, NULL) == 0);
  live_pass();
}
