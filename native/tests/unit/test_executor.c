// SPDX-License-Identifier: EPL-2.0
// Batches, run by this process itself, and what the processor's module says of cut system calls.
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "trace/arch/arch.h"
#include "trace/executor.h"
#include "unit.h"

static void runsCallsInOrderAndKeepsEachResult(void **state) {
  (void)state;
  struct batch *b = batch_new();
  struct error e = {0};
  unsigned pid = CALL(b, SYS_getpid, NUMBER(0)), bad = CALL(b, SYS_close, NUMBER(-1));
  assert_int_equal(executor_run(executor_self(), b, &e), 0);
  assert_int_equal(batch_result(b, pid), getpid());
  assert_int_equal(batch_result(b, bad), -EBADF);
  batch_free(b);
}

static void pointsIntoTheMemoryOfTheBatch(void **state) {
  (void)state;
  struct batch *b = batch_new();
  struct error e = {0};
  size_t pair = batch_data(b, NULL, 2 * sizeof(int));
  (void)CALL(b, SYS_pipe2, POINTER(pair), NUMBER(O_CLOEXEC));
  assert_int_equal(executor_run(executor_self(), b, &e), 0);
  int end[2];
  memcpy(end, batch_at(b, pair), sizeof end);
  batch_clear(b);
  size_t text = batch_data(b, "hello", 5);
  size_t v = batch_data(b, &(struct iovec){.iov_len = 5}, sizeof(struct iovec));
  batch_pointer(b, v + offsetof(struct iovec, iov_base), text);
  (void)CALL(b, SYS_writev, NUMBER(end[1]), POINTER(v), NUMBER(1));
  assert_int_equal(executor_run(executor_self(), b, &e), 0);
  assert_int_equal(batch_result(b, 0), 5);
  char got[5];
  assert_int_equal(read(end[0], got, 5), 5);
  assert_memory_equal(got, "hello", 5);
  (void)close(end[0]);
  (void)close(end[1]);
  batch_free(b);
}

static void knowsWhenItIsFull(void **state) {
  (void)state;
  struct batch *b = batch_new();
  assert_true(batch_has_room(b, BATCH_CALLS, 0));
  assert_false(batch_has_room(b, BATCH_CALLS + 1, 0));
  assert_false(batch_has_room(b, 1, BATCH_MEMORY));
  (void)batch_data(b, NULL, BATCH_MEMORY / 2);
  assert_false(batch_has_room(b, 1, BATCH_MEMORY / 2 + 1));
  batch_free(b);
}

static void findsTheInstructionOfASystemCall(void **state) {
  (void)state;
  static const unsigned char code[] = {0x90, 0x0f, 0x90, 0x0f, 0x05, 0xcd, 0x80, 0xc3};
  uint64_t at;
  assert_int_equal(arch_find_call(code, sizeof code, 0x1000, false, &at), 0);
  assert_int_equal(at, 0x1003);
  assert_int_equal(arch_find_call(code, 4, 0x1000, false, &at), -1);
  assert_int_equal(arch_find_call(code, sizeof code, 0x1000, true, &at), 0);
  assert_true(at == (0x1005 | ARCH_NARROW));
}

// A piece of memory that begins at 0x1000; beyond it there is none.
static unsigned char memory_then[0x200];

static int read_memory(pid_t pid, uint64_t at, void *ret, size_t size) {
  (void)pid;
  if (at < 0x1000 || at + size > 0x1000 + sizeof memory_then)
    return -EIO;
  memcpy(ret, memory_then + (at - 0x1000), size);
  return 0;
}

static const struct arch_memory memory = {.read = read_memory};

static void put(uint64_t at, const void *bytes, size_t size) { memcpy(memory_then + (at - 0x1000), bytes, size); }

static void restartsACutCallWhereTheKernelCannot(void **state) {
  (void)state;
  struct registers r = {.user = {.rip = 0x1002, .rax = (unsigned long long)-512, .orig_rax = SYS_read}};
  arch_restart_call(&r, &memory);
  assert_int_equal(r.user.rip, 0x1000);
  assert_int_equal(r.user.rax, SYS_read);
  assert_int_equal((long long)r.user.orig_rax, -1);
  struct registers done = {.user = {.rip = 0x1002, .rax = 7, .orig_rax = SYS_read}};
  arch_restart_call(&done, &memory);
  assert_int_equal(done.user.rip, 0x1002);
  assert_int_equal(done.user.rax, 7);
}

// A sleep that was interrupted twice shows restart_syscall: its number stands in the code before the pc.
static void sleepsTheRestOfACutSleep(void **state) {
  (void)state;
  put(0x1000, (const unsigned char[]){0xb8, SYS_clock_nanosleep, 0, 0, 0, 0x0f, 0x05}, 7);
  struct registers r = {
      .user = {.rip = 0x1007, .rax = (unsigned long long)-516, .orig_rax = 219, .rdx = 0x10, .r10 = 0x20}};
  arch_restart_call(&r, &memory);
  assert_int_equal(r.user.rip, 0x1005);
  assert_int_equal(r.user.rax, SYS_clock_nanosleep);
  assert_int_equal(r.user.rdx, 0x20);
}

enum { NARROW_CODE = 0x23, NARROW_SLEEP = 407 };

// Most calls of a 32-bit program are made by its vdso, some of them by way of another function: the number stands
// before the call of that.
static void sleepsTheRestOfACutSleepInANarrowProgram(void **state) {
  (void)state;
  memset(memory_then, 0, sizeof memory_then);
  put(0x1080, (const unsigned char[]){0xb8, NARROW_SLEEP & 0xff, NARROW_SLEEP >> 8, 0, 0, 0x65, 0xff, 0x15, 0x10}, 9);
  put(0x1100, (const unsigned char[]){0xcd, 0x80, 0x5d, 0x5a, 0x59, 0xc3}, 6);
  put(0x1180, (const uint32_t[]){0, 0, 0, 0x1120, 0, 0, 0, 0x108c}, 32);
  put(0x1118, (const unsigned char[]){0xb8, 162, 0, 0, 0}, 5);  // of another function
  put(0x1120, (const unsigned char[]){0x5d, 0x5f, 0x5b, 0xc3}, 4);
  struct registers r = {.user = {.rip = 0x1102,
                                 .rsp = 0x1180,
                                 .cs = NARROW_CODE,
                                 .rax = (unsigned long long)-516,
                                 .orig_rax = 0,
                                 .rdx = 0x10,
                                 .rsi = 0x20}};
  arch_restart_call(&r, &memory);
  assert_int_equal(r.user.rip, 0x1100);
  assert_int_equal(r.user.rax, NARROW_SLEEP);
  assert_int_equal(r.user.rdx, 0x20);
}

static void makesNarrowCallsWithTheirOwnNumbersAndRegisters(void **state) {
  (void)state;
  enum { NARROW_MMAP = 192 };
  const uint64_t args[6] = {0x10000, 0x2000, 3, 0x22, (uint64_t)-1, 0x3000};
  struct registers r = {.user = {.cs = 0x33, .orig_rax = 7}};
  arch_start_call(&r, 0x1005 | ARCH_NARROW, SYS_mmap, args);
  assert_int_equal(r.user.cs, NARROW_CODE);
  assert_int_equal(r.user.rip, 0x1005);
  assert_int_equal(r.user.rax, NARROW_MMAP);
  assert_int_equal(r.user.rdi, 0xffffffff);
  assert_int_equal(r.user.rbp, 3);
}

static void beginsACallAgainThatTheFreezeInterrupted(void **state) {
  (void)state;
  struct registers wait = {.user = {.rip = 0x1002, .rax = (unsigned long long)-EINTR, .orig_rax = SYS_epoll_wait}};
  assert_true(arch_restart_interrupted(&wait));
  assert_int_equal(wait.user.rip, 0x1000);
  struct registers other = {.user = {.rip = 0x1002, .rax = (unsigned long long)-EINTR, .orig_rax = SYS_openat}};
  assert_false(arch_restart_interrupted(&other));
  enum { OLD_SYSTEM_V_CALL = 117, SEMOP = 1, SEMGET = 2 };
  struct registers narrow = {.user = {.rip = 0x1002,
                                      .cs = NARROW_CODE,
                                      .rax = (unsigned long long)-EINTR,
                                      .rbx = SEMOP,
                                      .orig_rax = OLD_SYSTEM_V_CALL}};
  assert_true(arch_restart_interrupted(&narrow));
  assert_int_equal(narrow.user.rax, OLD_SYSTEM_V_CALL);
  narrow.user.rbx = SEMGET;
  narrow.user.rax = (unsigned long long)-EINTR;
  assert_false(arch_restart_interrupted(&narrow));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runsCallsInOrderAndKeepsEachResult),
      cmocka_unit_test(pointsIntoTheMemoryOfTheBatch),
      cmocka_unit_test(knowsWhenItIsFull),
      cmocka_unit_test(findsTheInstructionOfASystemCall),
      cmocka_unit_test(restartsACutCallWhereTheKernelCannot),
      cmocka_unit_test(sleepsTheRestOfACutSleep),
      cmocka_unit_test(sleepsTheRestOfACutSleepInANarrowProgram),
      cmocka_unit_test(makesNarrowCallsWithTheirOwnNumbersAndRegisters),
      cmocka_unit_test(beginsACallAgainThatTheFreezeInterrupted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
