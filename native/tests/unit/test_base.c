// SPDX-License-Identifier: EPL-2.0
// The error object, fault points, whole reads.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/file.h"
#include "unit.h"

static void keepsTheFirstError(void **state) {
  (void)state;
  struct error e = {0};
  assert_int_equal(error_set(&e, ERROR_REFUSED, "descriptor %d", 7), -1);
  (void)error_set(&e, ERROR_FAILED, "another");
  assert_int_equal(e.code, ERROR_REFUSED);
  assert_string_equal(e.text, "descriptor 7");
  assert_int_equal(error_set(NULL, ERROR_FAILED, "nobody listens"), -1);
}

static void namesTheErrnoAndTellsShortMemory(void **state) {
  (void)state;
  struct error e = {0};
  (void)error_set_errno(&e, -ENOENT, "cannot open %s", "a");
  assert_string_equal(e.text, "cannot open a: No such file or directory");
  assert_int_equal(e.code, ERROR_FAILED);
  struct error m = {0};
  (void)error_set_errno(&m, -ENOMEM, "x");
  assert_int_equal(m.code, ERROR_NO_MEMORY);
}

static void boundsItsText(void **state) {
  (void)state;
  struct error e = {0};
  char longer[2000];
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  (void)error_set(&e, ERROR_FAILED, "%s", longer);
  assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

static void namesEveryFaultPointOnce(void **state) {
  (void)state;
  for (int i = 0; i < FAULT_COUNT; i++)
    for (int k = 0; k < i; k++)
      assert_string_not_equal(fault_name((enum fault_point)i), fault_name((enum fault_point)k));
  assert_int_equal(fault(FAULT_freeze), 0);
}

static void refusesAFileAboveItsLimit(void **state) {
  (void)state;
  char *text;
  size_t size;
  assert_int_equal(file_read("/proc/self/maps", 10, &text, &size), -EFBIG);
  assert_int_equal(file_read("/nowhere/at/all", 10, &text, &size), -ENOENT);
  assert_int_equal(file_read("/proc/self/comm", 100, &text, &size), 0);
  assert_int_equal(text[size], 0);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keepsTheFirstError),
      cmocka_unit_test(namesTheErrnoAndTellsShortMemory),
      cmocka_unit_test(boundsItsText),
      cmocka_unit_test(namesEveryFaultPointOnce),
      cmocka_unit_test(refusesAFileAboveItsLimit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
