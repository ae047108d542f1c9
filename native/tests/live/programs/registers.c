// SPDX-License-Identifier: EPL-2.0
// Registers in use: vector, x87 and general ones that loop without leaving them, rounding modes, the GS base.
#include "live.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <fenv.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xmmintrin.h>

enum { VECTORS = 16, BYTES = 32 };

static volatile bool ending;
static volatile uint64_t loops[3];
static bool has_avx;

struct vectors {
  unsigned char at[VECTORS][BYTES] __attribute__((aligned(32)));
};

// Loads all vector registers, spins with their only copy in the processor, and stores them.
static void through_avx(const struct vectors *in, struct vectors *out, uint64_t spins) {
  __asm__ volatile(
#define LOAD(i) "vmovdqa " #i "*32(%0), %%ymm" #i "\n"
#define STORE(i) "vmovdqa %%ymm" #i ", " #i "*32(%1)\n"
#define ALL(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
      ALL(LOAD) "1: dec %2\n jnz 1b\n" ALL(STORE) "vzeroupper\n"
      : "+r"(in), "+r"(out), "+r"(spins)
      :
      : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void through_sse(const struct vectors *in, struct vectors *out, uint64_t spins) {
  __asm__ volatile(
#define LOAD_SSE(i) "movdqa " #i "*32(%0), %%xmm" #i "\n"
#define STORE_SSE(i) "movdqa %%xmm" #i ", " #i "*32(%1)\n"
      ALL(LOAD_SSE) "1: dec %2\n jnz 1b\n" ALL(STORE_SSE)
      : "+r"(in), "+r"(out), "+r"(spins)
      :
      : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void *vectors(void *argument) {
  (void)argument;
  struct vectors in, out;
  size_t used = has_avx ? BYTES : BYTES / 2;
  while (!ending) {
    for (unsigned i = 0; i < VECTORS; i++)
      memset(in.at[i], (int)live_stamp(i, loops[0]), BYTES);
    memset(&out, 0, sizeof out);
    (has_avx ? through_avx : through_sse)(&in, &out, 300000);
    for (unsigned i = 0; i < VECTORS; i++)
      CHECK(memcmp(in.at[i], out.at[i], used) == 0);
    loops[0]++;
  }
  return NULL;
}

// A stack of eight x87 numbers and a set of general registers, all in flight at once.
static void *general(void *argument) {
  (void)argument;
  while (!ending) {
    uint64_t seed = loops[1] * 1000, sum = 0, spins = 200000;
    int64_t top = 0;
    __asm__ volatile("mov %2, %%r8\n lea 1(%2), %%r9\n lea 2(%2), %%r10\n lea 3(%2), %%r11\n lea 4(%2), %%r12\n"
                     "lea 5(%2), %%r13\n lea 6(%2), %%r14\n lea 7(%2), %%r15\n std\n fld1\n fldz\n fldpi\n"
                     "1: dec %3\n jnz 1b\n"
                     "cld\n fstp %%st(0)\n fstp %%st(0)\n fistpll %1\n"
                     "mov %%r8, %0\n add %%r9, %0\n add %%r10, %0\n add %%r11, %0\n add %%r12, %0\n add %%r13, %0\n"
                     "add %%r14, %0\n add %%r15, %0\n"
                     : "=&r"(sum), "=m"(top), "+r"(seed), "+r"(spins)
                     :
                     : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
    CHECK(sum == 8 * loops[1] * 1000 + 28);
    CHECK(top == 1);
    loops[1]++;
  }
  return NULL;
}

// Control words: rounding, flush to zero, and the segment base that nothing else uses.
static void *control(void *argument) {
  (void)argument;
  static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  while (!ending) {
    int mode = modes[live_random(4)];
    unsigned flush = live_random(2) ? _MM_FLUSH_ZERO_ON : _MM_FLUSH_ZERO_OFF;
    uint64_t base = (uint64_t)live_random(1000000) * 4096, seen = 0;
    CHECK(fesetround(mode) == 0);
    _MM_SET_FLUSH_ZERO_MODE(flush);
    CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, base) == 0);
    usleep(live_random(1500));
    CHECK(fegetround() == mode);
    CHECK(_MM_GET_FLUSH_ZERO_MODE() == flush);
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &seen) == 0 && seen == base);
    volatile double third = 1.0;
    third /= 3.0;
    bool up = mode == FE_UPWARD;
    CHECK((third * 3.0 > 1.0) == (up && third * 3.0 > 1.0));
    loops[2]++;
  }
  return NULL;
}

int main(void) {
  unsigned a, b, c, d;
  live_begin();
  has_avx = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_AVX) && (c & bit_OSXSAVE);
  void *(*const work[])(void *) = {vectors, general, control};
  pthread_t threads[3];
  for (unsigned i = 0; i < 3; i++)
    CHECK(pthread_create(&threads[i], NULL, work[i], NULL) == 0);
  while (live_tick())
    ;
  ending = true;
  for (unsigned i = 0; i < 3; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  live_pass();
}
