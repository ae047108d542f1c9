// SPDX-License-Identifier: EPL-2.0
// What a restart finds out before it starts anything: machine, paths, the vdso's functions.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/elf_functions.h"
#include "engine/own_vdso.h"
#include "engine/restart_state.h"
#include "resource/identity.h"
#include "trace/arch/machine.h"
#include "unit.h"

// A process with one thread on a machine that is ours, until a test changes it.
struct fixture {
  Snapback__Image__Image image;
  Snapback__Image__Machine machine;
  Snapback__Image__Process process;
  Snapback__Image__Thread thread, *threads[1];
  uint64_t extended[80];
  char *feature[1];
  struct restart restart;
};

static void set_up(struct fixture *f) {
  *f = (struct fixture){.image = SNAPBACK__IMAGE__IMAGE__INIT,
                        .machine = SNAPBACK__IMAGE__MACHINE__INIT,
                        .process = SNAPBACK__IMAGE__PROCESS__INIT,
                        .thread = SNAPBACK__IMAGE__THREAD__INIT};
  f->image.machine = &f->machine;
  f->machine.architecture = (char *)arch_name;
  f->machine.page_size = (uint32_t)sysconf(_SC_PAGESIZE);
  f->machine.host = (char *)"elsewhere";
  f->machine.extended_features = arch_extended_features();
  f->machine.cpu_feature = f->feature;
  f->thread.tid = 4711;
  f->thread.extended.data = (uint8_t *)f->extended;
  f->thread.extended.len = sizeof f->extended;
  f->threads[0] = &f->thread;
  f->process.thread = f->threads;
  f->process.n_thread = 1;
  f->restart = (struct restart){.metadata = &f->image, .process = &f->process};
}

static void expect_refusal(struct fixture *f, const char *words) {
  struct error e = {0};
  assert_int_equal(restart_check_machine(&f->restart, &e), words ? -1 : 0);
  if (!words)
    return;
  assert_int_equal(e.code, ERROR_REFUSED);
  assert_non_null(strstr(e.text, words));
}

static void test_this_machine_will_do(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f);
  expect_refusal(&f, NULL);
}

static void test_another_architecture(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f);
  f.machine.architecture = (char *)"aarch64";
  expect_refusal(&f, "aarch64");
}

static void test_another_page_size(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f);
  f.machine.page_size = 16384;
  expect_refusal(&f, "16384");
}

// Some processor that this test runs on may have all features but one: that one cannot be missing there.
static void test_feature_that_is_missing(void **state) {
  (void)state;
  unsigned refused = 0;
  for (size_t i = 0; arch_used_features[i]; i++) {
    struct fixture f;
    struct error e = {0};
    set_up(&f);
    f.feature[0] = (char *)arch_used_features[i];
    f.machine.n_cpu_feature = 1;
    if (restart_check_machine(&f.restart, &e) == 0)
      continue;
    refused++;
    assert_non_null(strstr(e.text, arch_used_features[i]));
    assert_non_null(strstr(e.text, "elsewhere"));
  }
  assert_true(refused > 0);
}

static void test_feature_that_nobody_uses(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f);
  f.feature[0] = (char *)"no_such_feature";
  f.machine.n_cpu_feature = 1;
  expect_refusal(&f, NULL);
}

static void test_registers_that_are_missing(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f);
  uint64_t part = 1ULL << 62;
  f.machine.extended_features |= part;
  expect_refusal(&f, NULL);  // the thread does not use them
  f.extended[64] = part;
  expect_refusal(&f, "thread 4711 uses registers");
}

static void test_number_that_cannot_be(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f);
  f.thread.tid = 1 << 30;
  expect_refusal(&f, "pid_max");
  f.thread.tid = 1;
  expect_refusal(&f, "process number 1,");
}

static void expect_path(const struct restart *r, const char *from, const char *to) {
  char *path = restart_path(r, from);
  assert_string_equal(path, to);
  free(path);
}

static void test_paths_are_changed_by_whole_folders(void **state) {
  (void)state;
  struct path_change changes[] = {{"/old", "/new"}, {"/old/inner/", "/other"}, {"/old/in", ""}};
  struct restart r = {.options = {.path = changes, .paths = 3}};
  expect_path(&r, "/old", "/new");
  expect_path(&r, "/old/file", "/new/file");
  expect_path(&r, "/older/file", "/older/file");
  expect_path(&r, "/old/inner/file", "/other/file");
  expect_path(&r, "/old/innermost", "/new/innermost");
}

static void test_functions_of_our_own_vdso(void **state) {
  (void)state;
  struct own_vdso own;
  struct elf_functions f;
  assert_int_equal(own_vdso_read(false, &own), 0);
  assert_non_null(own.bytes);
  assert_int_equal(elf_functions_read(own.bytes, own.size, &f), 0);
  const struct elf_function *clock = elf_functions_find(&f, "__vdso_clock_gettime");
  assert_non_null(clock);
  assert_true(clock->offset > 0);
  assert_null(elf_functions_find(&f, "__vdso_nothing"));
  elf_functions_done(&f);
  own_vdso_done(&own);
}

// That of 32-bit programs, where the kernel runs such.
static void test_functions_of_the_narrow_vdso(void **state) {
  (void)state;
  struct own_vdso own;
  struct elf_functions f;
  int r = own_vdso_read(true, &own);
  if (r == -ENOSYS)
    skip();
  assert_int_equal(r, 0);
  assert_int_equal(elf_functions_read(own.bytes, own.size, &f), 0);
  assert_non_null(elf_functions_find(&f, "__kernel_vsyscall"));
  assert_non_null(elf_functions_find(&f, "__vdso_clock_gettime"));
  elf_functions_done(&f);
  own_vdso_done(&own);
}

// Cut short at any length, or with any of its bytes spoilt, it is read or refused.
static void spoil(const unsigned char *vdso, size_t whole) {
  struct elf_functions f;
  for (size_t size = 0; size < whole; size += 7) {
    unsigned char *copy = must_alloc(size + 1);
    memcpy(copy, vdso, size);
    if (elf_functions_read(copy, size, &f) == 0)
      elf_functions_done(&f);
    free(copy);
  }
  for (size_t at = 0; at < whole / 2; at++) {
    unsigned char *copy = must_alloc(whole);
    memcpy(copy, vdso, whole);
    copy[at] ^= 0xff;
    if (elf_functions_read(copy, whole, &f) == 0)
      elf_functions_done(&f);
    free(copy);
  }
}

static void test_hostile_vdso(void **state) {
  (void)state;
  struct own_vdso own;
  for (int narrow = 0; narrow < 2; narrow++) {
    if (own_vdso_read(narrow, &own) < 0)
      continue;
    spoil(own.bytes, 4096);
    own_vdso_done(&own);
  }
}

static void test_identity_of_a_file(void **state) {
  (void)state;
  FILE *file = tmpfile();
  struct file_identity identity;
  assert_non_null(file);
  assert_int_equal(fwrite("\177ELF\2 and not more", 1, 18, file), 18);
  assert_int_equal(fflush(file), 0);
  assert_int_equal(identity_read(fileno(file), &identity), 0);
  assert_int_equal(identity.size, 18);
  assert_int_equal(identity.build_id_size, 0);
  assert_int_equal(identity_read(-1, &identity), -EBADF);
  (void)fclose(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_this_machine_will_do),
      cmocka_unit_test(test_another_architecture),
      cmocka_unit_test(test_another_page_size),
      cmocka_unit_test(test_feature_that_is_missing),
      cmocka_unit_test(test_feature_that_nobody_uses),
      cmocka_unit_test(test_registers_that_are_missing),
      cmocka_unit_test(test_number_that_cannot_be),
      cmocka_unit_test(test_paths_are_changed_by_whole_folders),
      cmocka_unit_test(test_functions_of_our_own_vdso),
      cmocka_unit_test(test_functions_of_the_narrow_vdso),
      cmocka_unit_test(test_hostile_vdso),
      cmocka_unit_test(test_identity_of_a_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
