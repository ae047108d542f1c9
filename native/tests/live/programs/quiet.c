// SPDX-License-Identifier: EPL-2.0
// A program that stands still with as much kernel state as it can have, and changes all of it when it is told to.
//
// It reads letters from the fifo that its argument names and answers each by a tick: "m" changes everything, "c"
// checks what only the program itself can see. Whoever tests looks at /proc meanwhile.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 3, PAGE = 4096 };

static const char *folder;
static char *memory, *shared;
static int pipe_ends[2], event, epoll_set, file, memory_file;
static volatile uint32_t bell[THREADS + 1];
static volatile unsigned asleep;

static void on_signal(int number) { (void)number; }

static void name_thread(const char *text, unsigned i) {
  char name[16];
  snprintf(name, sizeof name, "%s %u", text, i);
  CHECK(prctl(PR_SET_NAME, name) == 0);
}

// Sleeps on a futex until the bell rings, then takes another mask and name, and sleeps again.
static void *sleeper(void *argument) {
  unsigned i = (unsigned)(uintptr_t)argument;
  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1 + (int)(i % 2) * 2);
  CHECK(sigaltstack(&stack, NULL) == 0 && pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
  name_thread("asleep", i);
  for (uint32_t rung = 0;; rung++) {
    __atomic_fetch_add(&asleep, 1, __ATOMIC_SEQ_CST);
    while (bell[i] == rung)
      syscall(SYS_futex, &bell[i], FUTEX_WAIT_PRIVATE, rung, NULL, NULL, 0);
    sigaddset(&mask, SIGHUP);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
    name_thread("woken", i);
    if (i == 1)
      return NULL;
  }
}

static void wait_until_asleep(unsigned count) {
  while (__atomic_load_n(&asleep, __ATOMIC_SEQ_CST) < count)
    usleep(1000);
}

static void set_up(void) {
  memory = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  shared = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED && shared != MAP_FAILED);
  memset(memory, 'a', 64 * PAGE);
  memset(shared, 'a', 16 * PAGE);
  CHECK(mprotect(memory + 8 * PAGE, 8 * PAGE, PROT_READ) == 0);
  CHECK(mprotect(memory + 32 * PAGE, 8 * PAGE, PROT_NONE) == 0);
  CHECK(madvise(memory + 52 * PAGE, 4 * PAGE, MADV_DONTDUMP) == 0);
  CHECK(chdir(folder) == 0);
  umask(027);
  file = open("quiet", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  CHECK(file >= 0 && ftruncate(file, 10000) == 0 && lseek(file, 1234, SEEK_SET) == 1234);
  CHECK(dup2(file, 60) == 60);
  memory_file = memfd_create("quiet", MFD_CLOEXEC);
  CHECK(ftruncate(memory_file, 8 * PAGE) == 0 && pwrite(memory_file, "abc", 3, 5000) == 3);
  CHECK(pipe2(pipe_ends, O_NONBLOCK) == 0 && write(pipe_ends[1], "hello", 5) == 5);
  event = eventfd(17, EFD_NONBLOCK);
  epoll_set = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u64 = 99};
  CHECK(epoll_ctl(epoll_set, EPOLL_CTL_ADD, event, &e) == 0);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  signal(SIGUSR2, SIG_IGN);
  name_thread("quiet", 0);
}

static void start_thread(unsigned i) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, sleeper, (void *)(uintptr_t)i) == 0);
  CHECK(pthread_detach(thread) == 0);
}

static void change_memory(void) {
  CHECK(mprotect(memory + 8 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE) == 0);
  CHECK(mprotect(memory + 34 * PAGE, 2 * PAGE, PROT_READ | PROT_EXEC) == 0);
  CHECK(munmap(memory + 20 * PAGE, 4 * PAGE) == 0);
  CHECK(mmap(NULL, 100 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
  memset(memory, 'b', 8 * PAGE);
  memset(shared, 'b', 16 * PAGE);
  CHECK(sbrk(64 * PAGE) != (void *)-1);
}

static void change_descriptors(void) {
  CHECK(lseek(file, 4321, SEEK_SET) == 4321);
  CHECK(close(60) == 0 && open("/dev/null", O_RDONLY) >= 0);
  CHECK(pwrite(memory_file, "xyz", 3, 5000) == 3 && ftruncate(memory_file, 20 * PAGE) == 0);
  char bytes[3];
  CHECK(read(pipe_ends[0], bytes, 3) == 3 && fcntl(pipe_ends[0], F_SETFL, 0) == 0);
  uint64_t count = 5;
  CHECK(write(event, &count, sizeof count) == sizeof count);
  CHECK(fcntl(event, F_SETFD, FD_CLOEXEC) == 0);
  CHECK(epoll_ctl(epoll_set, EPOLL_CTL_DEL, event, NULL) == 0);
}

static void change_process(void) {
  CHECK(chdir("/") == 0);
  umask(077);
  name_thread("loud", 0);
  signal(SIGUSR1, SIG_DFL);
  signal(SIGUSR2, on_signal);
  signal(SIGTERM, SIG_IGN);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGHUP);
  CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
}

static void change_everything(void) {
  change_memory();
  change_descriptors();
  change_process();
  unsigned goal = asleep + THREADS - 1 + 2;  // one thread ends, two new ones come
  for (unsigned i = 0; i < THREADS; i++) {
    bell[i]++;
    syscall(SYS_futex, &bell[i], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  }
  bell[THREADS] = 0;
  start_thread(THREADS);
  start_thread(THREADS);
  wait_until_asleep(goal);
}

static void check_content(void) {
  char bytes[8] = "";
  uint64_t count = 0;
  for (unsigned i = 0; i < 8 * PAGE; i++)
    CHECK(memory[i] == 'a');
  for (unsigned i = 0; i < 16 * PAGE; i++)
    CHECK(shared[i] == 'a');
  CHECK(pread(memory_file, bytes, 3, 5000) == 3 && memcmp(bytes, "abc", 3) == 0);
  CHECK(read(pipe_ends[0], bytes, 8) == 5 && memcmp(bytes, "hello", 5) == 0);
  CHECK(read(event, &count, sizeof count) == sizeof count && count == 17);
}

int main(int argc, char **argv) {
  live_begin();
  folder = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
  int orders = open(argc > 1 ? argv[1] : "/dev/null", O_RDWR | O_CLOEXEC);
  CHECK(orders >= 0);
  set_up();
  for (unsigned i = 0; i < THREADS; i++)
    start_thread(i);
  wait_until_asleep(THREADS);
  for (;;) {
    char order = 0;
    if (!live_tick())
      live_pass();
    CHECK(read(orders, &order, 1) == 1);
    if (order == 'm')
      change_everything();
    else if (order == 'c')
      check_content();
  }
}
