// SPDX-License-Identifier: EPL-2.0
// Threads that stay: thread-local memory, names, alternate stacks, robust mutexes, a token that goes round.
#include "live.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 7, STACK = 65536 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, robust;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static unsigned turn, protected_a, protected_b;
static bool ending;
static uint64_t rounds[THREADS];

static _Thread_local uint64_t own_rounds;
static _Thread_local uint64_t own_page[512];
static _Thread_local struct facts {
  pid_t tid;
  void *robust_head;
  size_t robust_size;
  char name[16];
  stack_t stack;
} facts;

static void note_facts(unsigned i) {
  snprintf(facts.name, sizeof facts.name, "worker %u", i);
  CHECK(prctl(PR_SET_NAME, facts.name) == 0);
  facts.tid = (pid_t)syscall(SYS_gettid);
  CHECK(syscall(SYS_get_robust_list, 0, &facts.robust_head, &facts.robust_size) == 0);
  facts.stack = (stack_t){.ss_sp = malloc(STACK), .ss_size = STACK};
  CHECK(sigaltstack(&facts.stack, NULL) == 0);
}

static void check_facts(unsigned i) {
  void *head = NULL;
  size_t size = 0;
  char name[16] = "";
  stack_t stack;
  CHECK((pid_t)syscall(SYS_gettid) == facts.tid);
  CHECK(syscall(SYS_get_robust_list, 0, &head, &size) == 0);
  CHECK(head == facts.robust_head && size == facts.robust_size);
  CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, facts.name) == 0);
  CHECK(sigaltstack(NULL, &stack) == 0);
  CHECK(stack.ss_sp == facts.stack.ss_sp && stack.ss_size == STACK && stack.ss_flags == 0);
  CHECK(own_rounds == rounds[i]);
  CHECK(own_page[own_rounds % 512] == (own_rounds < 512 ? 0 : own_rounds - 512));
}

// A change in two places that nobody may ever see half done.
static void change_both(void) {
  CHECK(pthread_mutex_lock(&robust) == 0);
  CHECK(protected_a == protected_b);
  protected_a++;
  if (live_random(4) == 0)
    usleep(live_random(500));
  protected_b++;
  CHECK(pthread_mutex_unlock(&robust) == 0);
}

static void *work(void *argument) {
  unsigned i = (unsigned)(uintptr_t)argument;
  note_facts(i);
  pthread_mutex_lock(&mutex);
  while (!ending) {
    if (turn != i) {
      CHECK(pthread_cond_wait(&turn_changed, &mutex) == 0);
      continue;
    }
    pthread_mutex_unlock(&mutex);
    check_facts(i);
    own_page[own_rounds % 512] = own_rounds;
    own_rounds++;
    rounds[i]++;
    change_both();
    CHECK(pthread_mutex_lock(&mutex) == 0);
    turn = (turn + 1) % THREADS;
    CHECK(pthread_cond_broadcast(&turn_changed) == 0);
  }
  pthread_mutex_unlock(&mutex);
  return (void *)(uintptr_t)own_rounds;
}

static void make_robust(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  CHECK(pthread_mutex_init(&robust, &attributes) == 0);
}

int main(void) {
  live_begin();
  make_robust();
  pthread_t threads[THREADS];
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) == 0);
  do
    change_both();
  while (live_tick());
  pthread_mutex_lock(&mutex);
  ending = true;
  pthread_cond_broadcast(&turn_changed);
  pthread_mutex_unlock(&mutex);
  for (unsigned i = 0; i < THREADS; i++) {
    void *result;
    CHECK(pthread_join(threads[i], &result) == 0);
    CHECK((uintptr_t)result == rounds[i]);
  }
  CHECK(protected_a == protected_b);
  live_pass();
}
