// SPDX-License-Identifier: EPL-2.0
// The journal of the self-checking programs.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { JOURNAL_LOWEST = 900 };  // far from the descriptors that programs play with

static int journal = -1;
static const char *stop_file;
static uint64_t ticks;
static pid_t own_pid, own_thread;

void live_begin(void) { live_begin_at(0); }

void live_begin_at(uint64_t tick) {
  const char *path = getenv("LIVE_JOURNAL");
  stop_file = getenv("LIVE_STOP");
  if (!path || !stop_file) {
    fputs("LIVE_JOURNAL and LIVE_STOP must name files\n", stderr);
    exit(1);
  }
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  journal = fcntl(fd, F_DUPFD_CLOEXEC, JOURNAL_LOWEST);
  close(fd);
  if (journal < 0) {
    perror(path);
    exit(1);
  }
  ticks = tick;
  own_pid = own_thread = getpid();
}

void live_begin_thread(void) { own_thread = (pid_t)syscall(SYS_gettid); }

uint64_t live_ticks(void) { return ticks; }

static void tell(const char *text) {
  ssize_t length = (ssize_t)strlen(text);
  ssize_t n = write(journal, text, (size_t)length);
  if (n != length && n >= 0)
    live_fail(__FILE__, __LINE__, "a line of the journal was cut");
  if (n < 0)
    _exit(1);
}

void live_fail(const char *file, int line, const char *text) {
  int number = errno;
  char message[512];
  const char *base = strrchr(file, '/');
  snprintf(message, sizeof message, "FAIL %s:%d: %s (errno %d, thread %d, tick %llu)\n", base ? base + 1 : file, line,
           text, number, (int)syscall(SYS_gettid), (unsigned long long)ticks);
  if (write(journal, message, strlen(message)) < 0 || write(STDERR_FILENO, message, strlen(message)) < 0)
    _exit(1);
  _exit(1);
}

void live_pass(void) {
  tell("PASS\n");
  exit(0);
}

bool live_tick_at_once(void) {
  char line[32];
  ticks++;
  snprintf(line, sizeof line, "tick %llu\n", (unsigned long long)ticks);
  tell(line);
  CHECK(syscall(SYS_getpid) == own_pid);
  CHECK(syscall(SYS_gettid) == own_thread);
  return access(stop_file, F_OK) != 0;
}

bool live_tick(void) {
  struct timespec moment = {0, 100000 + live_random(300000)};
  CHECK(nanosleep(&moment, NULL) == 0);
  return live_tick_at_once();
}

unsigned live_random(unsigned limit) {
  static _Thread_local uint64_t state;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  state = live_stamp(state, (uint64_t)now.tv_nsec);
  return (unsigned)(state >> 32) % limit;
}

uint64_t live_stamp(uint64_t place, uint64_t time) {
  uint64_t x = place * 0x9e3779b97f4a7c15u + time + 0x7f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}
