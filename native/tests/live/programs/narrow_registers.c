// SPDX-License-Identifier: EPL-2.0
// What only a 32-bit program has: few registers, all in use, and segments of its own in the processor's table.
#include "live.h"

#include <asm/ldt.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { VECTORS = 8, BYTES = 16, THREADS = 3, SPINS = 200000 };

static volatile bool ending;

struct vectors {
  unsigned char at[VECTORS][BYTES] __attribute__((aligned(16)));
};

// Loads all vector registers, spins with their only copy in the processor, and stores them.
static void through_sse(const struct vectors *in, struct vectors *out, unsigned spins) {
  __asm__ volatile(
#define LOAD(i) "movdqa " #i "*16(%0), %%xmm" #i "\n"
#define STORE(i) "movdqa %%xmm" #i ", " #i "*16(%1)\n"
#define ALL(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
      ALL(LOAD) "1: dec %2\n jnz 1b\n" ALL(STORE)
      : "+r"(in), "+r"(out), "+r"(spins)
      :
      : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
}

static void vectors(uint64_t turn) {
  struct vectors in, out;
  for (unsigned i = 0; i < VECTORS; i++)
    memset(in.at[i], (int)live_stamp(i, turn), BYTES);
  memset(&out, 0, sizeof out);
  through_sse(&in, &out, SPINS);
  CHECK(memcmp(&in, &out, sizeof in) == 0);
}

// All general registers but the stack pointer, three numbers on the old unit's stack, and the direction flag.
static void general(unsigned seed) {
  unsigned sum;
  int64_t top = 0;
  __asm__ volatile(
      "push %%ebp\n lea 1(%%eax), %%ebx\n lea 2(%%eax), %%edx\n lea 3(%%eax), %%esi\n lea 4(%%eax), %%edi\n"
      "lea 5(%%eax), %%ebp\n std\n fld1\n fldz\n fldpi\n"
      "1: dec %%ecx\n jnz 1b\n"
      "cld\n fstp %%st(0)\n fstp %%st(0)\n"
      "add %%ebx, %%eax\n add %%edx, %%eax\n add %%esi, %%eax\n add %%edi, %%eax\n add %%ebp, %%eax\n"
      "pop %%ebp\n fistpll %1\n"
      : "=&a"(sum), "=m"(top)
      : "0"(seed), "c"(SPINS)
      : "ebx", "edx", "esi", "edi", "cc", "memory");
  CHECK(sum == 6 * seed + 15);
  CHECK(top == 1);
}

// A segment of one page, by which the page is reached. The number of its entry is `entry`, or the kernel's choice.
static unsigned set_segment(const uint32_t *page, unsigned entry) {
  struct user_desc d = {.entry_number = entry,
                        .base_addr = (uintptr_t)page,
                        .limit = 1,
                        .seg_32bit = 1,
                        .limit_in_pages = 1,
                        .useable = 1};
  CHECK(syscall(SYS_set_thread_area, &d) == 0);
  return d.entry_number;
}

// The same in the table that all threads share.
static void set_shared_segment(const uint32_t *page, unsigned entry) {
  enum { WRITE = 0x11 };
  struct user_desc d = {.entry_number = entry,
                        .base_addr = (uintptr_t)page,
                        .limit = 1,
                        .seg_32bit = 1,
                        .limit_in_pages = 1,
                        .useable = 1};
  CHECK(syscall(SYS_modify_ldt, WRITE, &d, sizeof d) == 0);
}

static uint32_t read_through(unsigned selector) {
  uint32_t number;
  __asm__ volatile("mov %1, %%fs\n mov %%fs:0, %0\n" : "=&r"(number) : "r"(selector) : "memory");
  return number;
}

static uint32_t read_again(void) {
  uint32_t number;
  __asm__ volatile("mov %%fs:0, %0\n" : "=r"(number) : : "memory");
  return number;
}

// A selector is the number of an entry, the table (4: the shared one) and the rights of user code.
static unsigned choose_segment(const uint32_t *page, unsigned own_entry, unsigned number) {
  if (live_random(2)) {
    CHECK(set_segment(page, own_entry) == own_entry);
    return own_entry << 3 | 3;
  }
  set_shared_segment(page, 100 * number);
  return 100 * number << 3 | 4 | 3;
}

static void *work(void *number) {
  uint32_t page[2][1024];
  unsigned entry = set_segment(page[0], (unsigned)-1);
  for (uint32_t turn = 0; !ending; turn++) {
    uint32_t *own = page[live_random(2)];
    *own = turn;
    unsigned selector = choose_segment(own, entry, (unsigned)(uintptr_t)number);
    CHECK(read_through(selector) == turn);
    vectors(turn);
    CHECK(read_again() == turn);
    general(turn % 1000);
    usleep(live_random(1500));
    CHECK(read_again() == turn && read_through(selector) == turn);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[THREADS];
  live_begin();
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i) == 0);
  while (live_tick())
    ;
  ending = true;
  for (unsigned i = 0; i < THREADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  live_pass();
}
