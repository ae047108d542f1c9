// SPDX-License-Identifier: EPL-2.0
// The program of the golden images: it looks at all that it has at each tick, and writes "tick 17", or "FAIL".
//
// It has no C library: it runs on every x86-64 Linux, and its file (golden/ticking) can be checked in.
//   gcc -O1 -g0 -static -nostdlib -fno-stack-protector -fno-pie -no-pie -Wl,--build-id -o ticking ticking.c && strip
//   ticking
#include <linux/mman.h>
#include <linux/time.h>
#include <sys/syscall.h>

enum { PAGE = 4096, PAGES = 12, AREA = 0x20000000, SHARED = 0x30000000, TEN_MS = 10000000, FIVE = 5 };

static unsigned long ticks;
static const char words[] = "seven b";

static long call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static void put(const char *text, long size) { (void)call(SYS_write, 1, (long)text, size, 0, 0, 0); }

static void finish(int status) {
  if (status)
    put("FAIL\n", 5);
  (void)call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

static void put_tick(void) {
  char line[32] = "tick ";
  int size = 5, digits = 1;
  for (unsigned long n = ticks; n >= 10; n /= 10)
    digits++;
  unsigned long n = ticks;
  for (int i = digits; i > 0; i--, n /= 10)
    line[size + i - 1] = (char)('0' + n % 10);
  size += digits;
  line[size++] = '\n';
  put(line, size);
}

static void map(unsigned long at, long size, long flags, long descriptor) {
  if (call(SYS_mmap, (long)at, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, descriptor, 0) != (long)at)
    finish(2);
}

// Every third page stays as it was made: zero, and never touched.
static int expected(int page) { return page % 3 == 2 ? 0 : page * 7 + 1; }

static void fill(void) {
  volatile unsigned char *area = (unsigned char *)AREA, *shared = (unsigned char *)SHARED;
  for (int page = 0; page < PAGES; page++)
    for (int i = 0; expected(page) && i < PAGE; i++)
      area[page * PAGE + i] = (unsigned char)(expected(page) + i % 5);
  for (int i = 0; i < PAGE; i++)
    shared[PAGE + i] = (unsigned char)(i % 11);
}

static void check_memory(void) {
  const volatile unsigned char *area = (unsigned char *)AREA, *shared = (unsigned char *)SHARED;
  for (int page = 0; page < PAGES; page++)
    for (int i = 0; i < PAGE; i++)
      if (area[page * PAGE + i] != (unsigned char)(expected(page) ? expected(page) + i % 5 : 0))
        finish(3);
  for (int i = 0; i < PAGE; i++)
    if (shared[PAGE + i] != i % 11 || (i >= 8 && shared[i]))
      finish(4);
  if (*(const volatile unsigned long *)SHARED != ticks)
    finish(5);
}

// The pipe keeps its bytes: they are read and written again.
static void check_pipe(const int *ends) {
  char read[8] = "";
  if (call(SYS_read, ends[0], (long)read, sizeof read, 0, 0, 0) != sizeof words - 1)
    finish(6);
  for (unsigned i = 0; i < sizeof words - 1; i++)
    if (read[i] != words[i])
      finish(7);
  if (call(SYS_write, ends[1], (long)words, sizeof words - 1, 0, 0, 0) != sizeof words - 1)
    finish(8);
}

static void check_count(int descriptor) {
  unsigned long count = 0;
  if (call(SYS_read, descriptor, (long)&count, sizeof count, 0, 0, 0) != sizeof count || count != FIVE)
    finish(9);
  if (call(SYS_write, descriptor, (long)&count, sizeof count, 0, 0, 0) != sizeof count)
    finish(10);
}

__attribute__((noreturn, used)) static void run(void) {
  static int ends[2];
  const struct timespec pause = {0, TEN_MS};
  long memory = call(SYS_memfd_create, (long)"ticking", 0, 0, 0, 0, 0);
  long count = call(SYS_eventfd2, FIVE, 0, 0, 0, 0, 0);
  if (memory < 0 || count < 0 || call(SYS_ftruncate, memory, 2 * PAGE, 0, 0, 0, 0) ||
      call(SYS_pipe2, (long)ends, 0, 0, 0, 0, 0))
    finish(1);
  map(AREA, PAGES * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  map(SHARED, 2 * PAGE, MAP_SHARED, memory);
  fill();
  (void)call(SYS_write, ends[1], (long)words, sizeof words - 1, 0, 0, 0);
  for (;;) {
    check_memory();
    check_pipe(ends);
    check_count((int)count);
    *(volatile unsigned long *)SHARED = ++ticks;
    put_tick();
    (void)call(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
  }
}

__attribute__((naked, noreturn, used)) void _start(void);
void _start(void) { __asm__("and $-16, %rsp\n\tcall run"); }
