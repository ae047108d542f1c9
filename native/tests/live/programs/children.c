// SPDX-License-Identifier: EPL-2.0
// A program that starts children between its snapshots: while one lives, pages are shared with it and not exclusive.
#include "live.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 2048, WORDS = PAGE / 8 };

static volatile uint64_t *memory;
static uint32_t generation[PAGES];
static pid_t child;  // 0: none
static unsigned ticks_left;

static void check(unsigned i) { CHECK(memory[i * WORDS] == (generation[i] ? live_stamp(i, generation[i]) : 0)); }

static void write_some(void) {
  for (unsigned k = live_random(40); k; k--) {
    unsigned i = live_random(PAGES);
    check(i);
    generation[i]++;
    memory[i * WORDS] = live_stamp(i, generation[i]);
  }
}

static void wait_for(pid_t pid) {
  int status;
  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

// A child that holds a copy of all memory until it is told to end.
static void start_child(void) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    char byte;
    close(ends[1]);
    for (unsigned i = 0; i < PAGES; i++)
      check(i);
    _exit(read(ends[0], &byte, 1) == 0 ? 7 : 1);
  }
  close(ends[0]);
  CHECK(dup2(ends[1], 800) == 800);
  close(ends[1]);
  ticks_left = live_random(30);
}

static void end_child(void) {
  CHECK(close(800) == 0);
  wait_for(child);
  child = 0;
}

static void run_brief_child(void) {
  static char *const arguments[] = {"sh", "-c", "exit 7", NULL};
  pid_t pid;
  extern char **environ;
  if (live_random(2)) {
    CHECK(posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ) == 0);
    wait_for(pid);
  } else {
    int status = system("exit 7");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  }
}

int main(void) {
  live_begin();
  memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  do {
    write_some();
    if (child && ticks_left-- == 0)
      end_child();
    else if (!child && live_random(60) == 0)
      start_child();
    if (live_random(100) == 0)
      run_brief_child();
  } while (live_tick());
  if (child)
    end_child();
  for (unsigned i = 0; i < PAGES; i++)
    check(i);
  live_pass();
}
