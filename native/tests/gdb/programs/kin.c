// SPDX-License-Identifier: EPL-2.0
// Two processes for the debugger, a parent and its fork, each with a thread that comes and goes. Each counts in memory
// of its own and in memory that both share, and finds out when the two differ.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEPS = 5, OF_CHILD = 3 };

struct shared {
  volatile unsigned long steps[2], worked[2];
  volatile int waits;  // in the third step, as long as a debugger wants it
};

static struct shared *shared;
static volatile unsigned long mine, worked;
static volatile int wrong, working;
static pthread_t worker;
int who, last;

static void nap(long ns) { nanosleep(&(struct timespec){.tv_nsec = ns}, NULL); }

static void *work(void *arg) {
  while (working) {
    if (shared->worked[who] != worked)
      wrong = 1;
    shared->worked[who] = ++worked;
    nap(500000);
  }
  return arg;
}

static void start_worker(void) {
  working = 1;
  pthread_create(&worker, NULL, work, NULL);
}

static void end_worker(void) {
  working = 0;
  pthread_join(worker, NULL);
}

void take_step(int process, int at);
void take_step(int process, int at) {
  last = at;
  (void)process;
}

static void live(int process) {
  who = process;
  start_worker();
  for (int i = 1; i <= STEPS; i++) {
    shared->steps[who] = ++mine;
    take_step(who, i);
    while (i == 3 && shared->waits)
      nap(1000000);
    if (shared->steps[who] != mine || mine != (unsigned long)i || last != i)
      wrong = 1;
    if (i == 2)
      end_worker();
    if (i == 4)
      start_worker();
  }
  end_worker();
}

int main(void) {
  int status = 0;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) {
    live(1);
    _exit(wrong ? 1 : OF_CHILD);
  }
  live(0);
  int right = waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == OF_CHILD &&
              shared->steps[0] == STEPS && shared->steps[1] == STEPS && !wrong;
  puts(right ? "all right" : "all wrong");
  return right ? 0 : 1;
}
