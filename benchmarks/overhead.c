// SPDX-License-Identifier: EPL-2.0
// What a program pays while it runs: malloc from several threads, and small system calls. Prints nanoseconds a turn.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KEPT = 64, MOST_THREADS = 16, MALLOC_TURNS = 4000000 };

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// Frees one block and allocates another, of changing sizes, with KEPT of them alive.
static void *malloc_turns(void *seed) {
  char *kept[KEPT] = {0};
  uint64_t x = (uint64_t)(uintptr_t)seed * 2 + 1;
  for (long i = 0; i < MALLOC_TURNS; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    char **slot = &kept[x >> 58];
    free(*slot);
    *slot = malloc(16 + (x >> 32) % 256);
    **slot = (char)i;
  }
  for (int i = 0; i < KEPT; i++)
    free(kept[i]);
  return NULL;
}

static int malloc_test(int threads) {
  pthread_t thread[MOST_THREADS];
  if (threads < 1 || threads > MOST_THREADS)
    return 1;
  uint64_t start = now_ns();
  for (long i = 0; i < threads; i++)
    pthread_create(&thread[i], NULL, malloc_turns, (void *)i);
  for (int i = 0; i < threads; i++)
    pthread_join(thread[i], NULL);
  printf("malloc_%d %.2f\n", threads, (double)(now_ns() - start) / MALLOC_TURNS);
  return 0;
}

static int zero_fd;
static void *nothing(void *p) { return p; }

static void turn_getppid(void) { syscall(SYS_getppid); }
static void turn_read(void) {
  char c;
  if (read(zero_fd, &c, 1) != 1)
    abort();
}
static void turn_open(void) { close(open("/dev/null", O_RDONLY)); }
static void turn_stat(void) {
  struct stat s;
  stat("/", &s);
}
static void turn_mmap(void) {
  char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *p = 1;
  munmap(p, 65536);
}
static void turn_thread(void) {
  pthread_t t;
  pthread_create(&t, NULL, nothing, NULL);
  pthread_join(t, NULL);
}
static void turn_fork(void) {
  pid_t child = fork();
  if (child == 0)
    _exit(0);
  waitpid(child, NULL, 0);
}

static const struct turn {
  const char *name;
  void (*run)(void);
  long count;
} turns[] = {
    {"getppid", turn_getppid, 3000000}, {"read", turn_read, 2000000},       {"open_close", turn_open, 300000},
    {"stat", turn_stat, 600000},        {"mmap_munmap", turn_mmap, 150000}, {"thread", turn_thread, 10000},
    {"fork", turn_fork, 1500},
};

static int system_call_test(void) {
  zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
    uint64_t start = now_ns();
    for (long k = 0; k < turns[i].count; k++)
      turns[i].run();
    printf("%s %.1f\n", turns[i].name, (double)(now_ns() - start) / (double)turns[i].count);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "malloc"))
    return malloc_test(atoi(argv[2]));
  if (argc == 2 && !strcmp(argv[1], "calls"))
    return system_call_test();
  fprintf(stderr, "usage: overhead malloc THREADS | overhead calls\n");
  return 1;
}
