// SPDX-License-Identifier: EPL-2.0
// Parsing of /proc/PID/stat.
#include <errno.h>
#include <unistd.h>

#include "proc/memory_fields.h"
#include "unit.h"

static void readsTheFieldsOfThisProcess(void **state) {
  (void)state;
  struct memory_fields m;
  int here = 0;
  assert_int_equal(memory_fields_read(getpid(), &m), 0);
  assert_true(m.start_code && m.start_code < m.end_code);
  assert_true(m.start_data && m.start_data <= m.end_data && m.end_data <= m.start_brk);
  assert_true((uint64_t)(uintptr_t)&here < m.start_stack && m.start_stack < m.arg_start);
  assert_true(m.arg_start < m.arg_end && m.arg_end <= m.env_start && m.env_start <= m.env_end);
}

static void letsTheNameHoldAnything(void **state) {
  (void)state;
  struct memory_fields m;
  assert_int_equal(
      memory_fields_parse("7 (a) b (c)) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 "
                          "28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52\n",
                          &m),
      0);
  assert_int_equal(m.start_code, 26);
  assert_int_equal(m.end_code, 27);
  assert_int_equal(m.start_stack, 28);
  assert_int_equal(m.start_data, 45);
  assert_int_equal(m.env_end, 51);
}

static void refusesWhatIsCutOff(void **state) {
  (void)state;
  struct memory_fields m;
  assert_int_equal(memory_fields_parse("7 name S", &m), -EBADMSG);
  assert_int_equal(memory_fields_parse("7 (name) S 4 5\n", &m), -EBADMSG);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readsTheFieldsOfThisProcess),
      cmocka_unit_test(letsTheNameHoldAnything),
      cmocka_unit_test(refusesWhatIsCutOff),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
