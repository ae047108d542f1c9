// SPDX-License-Identifier: EPL-2.0
// A program for the debugger that starts others: a fork that counts in memory of its own and in shared memory, a shell
// that another program runs, children that have ended. Each step ends some and starts others.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct common {
  volatile unsigned long count;  // of the child
  volatile pid_t parent;         // as it sees it
};

static struct common *common;
static volatile unsigned long own;
static pid_t child, shell;
int number, status;

static void nap(long ns) { nanosleep(&(struct timespec){.tv_nsec = ns}, NULL); }

static void count(void) {
  for (;;) {
    common->parent = getppid();
    if (common->count != own)
      _exit(1);
    common->count = ++own;
    nap(1000000);
  }
}

static void start_child(void) {
  own = common->count;
  child = fork();
  if (child == 0)
    count();
}

static void end_child(void) {
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  child = 0;
}

static void start_shell(void) {
  shell = fork();
  if (shell == 0) {
    execl("/bin/sh", "sh", "-c", "while :; do sleep 0.01; done", NULL);
    _exit(1);
  }
}

static void end_shell(void) {
  kill(shell, SIGTERM);
  waitpid(shell, &status, 0);
  shell = 0;
}

// The same child goes on.
static int is_counting(void) {
  unsigned long before = common->count;
  for (int i = 0; i < 2000 && common->count == before; i++)
    nap(1000000);
  return common->count != before && common->parent == getpid() && kill(child, 0) == 0;
}

void step_done(int at);
void step_done(int at) { number = at; }

int main(void) {
  common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  start_child();
  start_shell();
  while (!is_counting())
    nap(1000000);
  step_done(1);
  end_shell();
  step_done(2);
  int right = is_counting();
  end_child();
  step_done(3);
  status = system("exit 5");
  right = right && WIFEXITED(status) && WEXITSTATUS(status) == 5;
  step_done(4);
  start_child();
  right = right && is_counting();
  end_child();
  puts(right ? "all right" : "all wrong");
  return right ? 0 : 1;
}
