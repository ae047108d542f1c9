// SPDX-License-Identifier: EPL-2.0
// A program with something of everything that an image shows. It changes two stretches of its memory at each SIGUSR1.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };

static unsigned char *area;  // tests know where it is
static unsigned char *shared;
static volatile unsigned long spins;

static void *spin_here(void *data) {
  (void)data;
  for (;;)
    spins++;
  return NULL;
}

static void change(int times) {
  memset(area + 3 * PAGE, 100 + times, 2 * PAGE);
  area[9 * PAGE + 5] = (unsigned char)times;
  shared[2 * PAGE] = (unsigned char)times;
  (void)open("/dev/zero", O_RDONLY | O_CLOEXEC);
}

static void wait_for_signals(void) {
  sigset_t set;
  int number = 0;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGUSR1);
  (void)sigaddset(&set, SIGUSR2);
  for (int times = 1; number != SIGUSR2; times++) {
    (void)printf("standing %d\n", times);
    (void)fflush(stdout);
    (void)sigwait(&set, &number);
    change(times);
  }
}

static void stand(int depth) {
  if (depth > 0)
    stand(depth - 1);
  else
    wait_for_signals();
}

static int prepare(void) {
  int ends[2], memory = memfd_create("standing", 0);
  area = mmap((void *)0x10000000, PAGES * PAGE, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (memory < 0 || ftruncate(memory, 4 * PAGE) || pipe(ends) || eventfd(5, 0) < 0 || area == MAP_FAILED)
    return -1;
  shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  for (int page = 0; page < PAGES; page += 2)
    memset(area + page * PAGE, 1 + page, PAGE);
  strcpy((char *)shared, "shared words");
  return write(ends[1], "seven b", 7) == 7 ? 0 : -1;
}

int main(void) {
  pthread_t thread;
  sigset_t set;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGUSR1);
  (void)sigaddset(&set, SIGUSR2);
  (void)sigprocmask(SIG_BLOCK, &set, NULL);
  if (prepare() || pthread_create(&thread, NULL, spin_here, NULL))
    return 1;
  stand(3);
  return 0;
}
