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
  static const unsigned char code[] = {0x90, 0x0f, 0x90, 0x0f, 0x05, 0xc3};
  assert_int_equal(arch_find_syscall(code, sizeof code), 3);
  assert_int_equal(arch_find_syscall(code, 4), -1);
}

static void restartsACutCallWhereTheKernelCannot(void **state) {
  (void)state;
  static const unsigned char none[ARCH_CODE_BEFORE] = {0};
  struct registers r = {.user = {.rip = 0x1002, .rax = (unsigned long long)-512, .orig_rax = SYS_read}};
  arch_restart_call(&r, none);
  assert_int_equal(r.user.rip, 0x1000);
  assert_int_equal(r.user.rax, SYS_read);
  assert_int_equal((long long)r.user.orig_rax, -1);
  struct registers done = {.user = {.rip = 0x1002, .rax = 7, .orig_rax = SYS_read}};
  arch_restart_call(&done, none);
  assert_int_equal(done.user.rip, 0x1002);
  assert_int_equal(done.user.rax, 7);
}

// A sleep that was interrupted twice shows restart_syscall: its number stands in the code before the pc.
static void sleepsTheRestOfACutSleep(void **state) {
  (void)state;
  unsigned char code[ARCH_CODE_BEFORE] = {0};
  const unsigned char call[] = {0xb8, SYS_clock_nanosleep, 0, 0, 0, 0x0f, 0x05};
  memcpy(code + sizeof code - sizeof call, call, sizeof call);
  struct registers r = {
      .user = {.rip = 0x1002, .rax = (unsigned long long)-516, .orig_rax = 219, .rdx = 0x10, .r10 = 0x20}};
  arch_restart_call(&r, code);
  assert_int_equal(r.user.rax, SYS_clock_nanosleep);
  assert_int_equal(r.user.rdx, 0x20);
}

static void beginsACallAgainThatTheFreezeInterrupted(void **state) {
  (void)state;
  struct registers wait = {.user = {.rip = 0x1002, .rax = (unsigned long long)-EINTR, .orig_rax = SYS_epoll_wait}};
  assert_true(arch_restart_interrupted(&wait));
  assert_int_equal(wait.user.rip, 0x1000);
  struct registers other = {.user = {.rip = 0x1002, .rax = (unsigned long long)-EINTR, .orig_rax = SYS_openat}};
  assert_false(arch_restart_interrupted(&other));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runsCallsInOrderAndKeepsEachResult),
      cmocka_unit_test(pointsIntoTheMemoryOfTheBatch),
      cmocka_unit_test(knowsWhenItIsFull),
      cmocka_unit_test(findsTheInstructionOfASystemCall),
      cmocka_unit_test(restartsACutCallWhereTheKernelCannot),
      cmocka_unit_test(sleepsTheRestOfACutSleep),
      cmocka_unit_test(beginsACallAgainThatTheFreezeInterrupted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
