// SPDX-License-Identifier: EPL-2.0
// The program that is measured: holds memory and threads, touches pages on command, knows how long it stood still.
//
// Commands come through a plain file, whose contents a rewind leaves alone: the driver writes a request with a new
// number, the program does it and writes the number back with the answer.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, HUGE_PAGE = 2 << 20 };

// The order is that of COMMANDS in workload.py.
enum command { NOTHING, RESET_GAP, LARGEST_GAP, TOUCH, FORK, QUIT, FILL_WITH_TEXT, FORKS };

struct mailbox {
  uint64_t request, command, argument, answered, value;
};

static char *memory;
static size_t pages;
static uint64_t largest_gap, last_look;
static uint64_t touches;

// What the children tell: how many are there, and what their bare forks took, all together.
static struct crowd { volatile uint64_t there, forks; } * crowd;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void look_at_clock(void) {
  uint64_t now = now_ns();
  if (now - last_look > largest_gap)
    largest_gap = now - last_look;
  last_look = now;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

// "plain": without advice, as most programs have it.
static void advise(size_t bytes, const char *kind) {
  bool plain = !strcmp(kind, "plain"), huge = !strcmp(kind, "huge");
  if (!plain && madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
    fail("madvise");
}

static void hold_memory(size_t bytes, const char *kind) {
  char *area = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED)
    fail("mmap");
  memory = (char *)(((uintptr_t)area + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
  advise(bytes, kind);
  pages = bytes / PAGE;
  uint64_t seed = 88172645463325252;
  for (size_t i = 0; i < bytes / 8; i++) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    ((uint64_t *)memory)[i] = seed;
  }
}

// Changes so many pages in a hundred, evenly spread.
static uint64_t touch(uint64_t percent) {
  uint64_t count = 0;
  touches++;
  for (size_t i = 0; i < pages; i++) {
    if (i * percent / 100 == (i + 1) * percent / 100)
      continue;
    *(uint64_t *)(memory + i * PAGE) += touches;
    count++;
  }
  return count;
}

// What compresses well: records that differ in a number.
static uint64_t fill_with_text(void) {
  for (size_t i = 0; i < pages * PAGE; i += 64) {
    unsigned number = (unsigned)(i / 64);
    snprintf(memory + i, 64, "account %u of customer %08x: balance %u", number, number * 2654435761u, number % 9973);
  }
  return pages;
}

// How long a bare fork() of this process holds it up, in nanoseconds. gdb breaks here (peers.py).
__attribute__((noinline, noclone)) static uint64_t measure_fork(void) {
  uint64_t start = now_ns();
  pid_t child = fork();
  if (child == 0)
    _exit(0);
  uint64_t spent = now_ns() - start;
  if (child < 0)
    fail("fork");
  waitpid(child, NULL, 0);
  return spent;
}

static uint64_t perform(const struct mailbox *m) {
  switch ((enum command)m->command) {
  case RESET_GAP:
    last_look = now_ns();
    largest_gap = 0;
    return 0;
  case LARGEST_GAP:
    return largest_gap;
  case TOUCH:
    return touch(m->argument);
  case FORK:
    return measure_fork();
  case FILL_WITH_TEXT:
    return fill_with_text();
  case FORKS:
    return crowd->forks + measure_fork();
  case QUIT:
    exit(0);
  default:
    return 0;
  }
}

static void serve(int fd) {
  struct mailbox m;
  if (pread(fd, &m, sizeof m, 0) != sizeof m || m.request == m.answered)
    return;
  m.value = perform(&m);
  m.answered = m.request;
  if (pwrite(fd, &m, sizeof m, 0) != sizeof m)
    fail("answer");
  last_look = now_ns();
}

static long idle_ns = 2000000;  // more of them look up less often

static void *idle_thread(void *unused) {
  volatile uint64_t count = 0;
  struct timespec t = {0, idle_ns};
  for (;;) {
    count = count + 1;
    nanosleep(&t, NULL);
  }
  return unused;
}

static void start_threads(int count) {
  idle_ns *= 1 + count / 16;
  for (int i = 1; i < count; i++) {
    pthread_t thread;
    if ((errno = pthread_create(&thread, NULL, idle_thread, NULL)))
      fail("pthread_create");
  }
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

// A child with all the memory written by itself; it measures its own fork while nobody else does anything.
static void live_as_child(int count) {
  enum { TRIES = 5 };
  uint64_t spent[TRIES];
  for (int i = 0; i < TRIES; i++) {
    (void)touch(100);
    spent[i] = measure_fork();
  }
  qsort(spent, TRIES, sizeof *spent, compare);
  crowd->forks += spent[TRIES / 2];
  crowd->there++;
  idle_ns *= 1 + count / 16;
  (void)idle_thread(NULL);
}

static void start_processes(int count) {
  crowd = mmap(NULL, sizeof *crowd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (crowd == MAP_FAILED)
    fail("mmap");
  for (int i = 1; i < count; i++) {
    pid_t child = fork();
    if (child < 0)
      fail("fork");
    if (child == 0)
      live_as_child(count);
    while (crowd->there < (uint64_t)i)
      usleep(100);
  }
}

// Open files of their own, not duplicates.
static void open_files(const char *path, int count) {
  for (int i = 0; i < count; i++)
    if (open(path, O_RDONLY) < 0)
      fail(path);
}

// How long memcpy takes for so many bytes that are in memory already: what a rewind must at least do.
static int measure_memcpy(size_t bytes) {
  char *from = malloc(bytes), *to = malloc(bytes);
  if (!from || !to)
    fail("malloc");
  memset(from, 1, bytes);
  memset(to, 2, bytes);
  uint64_t start = now_ns();
  memcpy(to, from, bytes);
  uint64_t spent = now_ns() - start;
  printf("%llu\n", (unsigned long long)spent + (to[bytes / 2] != 1));
  return 0;
}

static int usage(void) {
  fprintf(stderr,
          "usage: workload MAILBOX MIB small|plain|huge THREADS [PROCESSES DESCRIPTORS] | workload memcpy BYTES\n");
  return 1;
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "memcpy"))
    return measure_memcpy(strtoul(argv[2], NULL, 10));
  if (argc != 5 && argc != 7)
    return usage();
  int fd = open(argv[1], O_RDWR | O_CLOEXEC);
  if (fd < 0)
    fail(argv[1]);
  hold_memory(strtoul(argv[2], NULL, 10) << 20, argv[3]);
  start_processes(argc == 7 ? atoi(argv[5]) : 1);
  open_files(argv[1], argc == 7 ? atoi(argv[6]) : 0);
  start_threads(atoi(argv[4]));
  last_look = now_ns();
  for (;;) {
    for (int i = 0; i < 2000; i++)
      look_at_clock();
    serve(fd);
  }
}
