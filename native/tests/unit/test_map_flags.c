// SPDX-License-Identifier: EPL-2.0
// Parsing of /proc/PID/smaps.
#include <stdlib.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "proc/map_flags.h"
#include "unit.h"

static const char two[] = "1000-3000 rw-p 00000000 00:00 0          [heap]\n"
                          "Size:                  8 kB\n"
                          "AnonHugePages:         0 kB\n"
                          "VmFlags: rd wr mr mw me nr hg dd \n"
                          "5000-6000 rw-p 00000000 00:00 0          [stack]\n"
                          "VmFlags: rd wr mr mw me gd ac \n";

static void readsFlagsAndAdvice(void **state) {
  (void)state;
  char *text = must_strdup(two);
  struct map_flags *list;
  size_t count;
  assert_int_equal(map_flags_parse(text, &list, &count), 0);
  assert_int_equal(count, 2);
  assert_int_equal(list[0].start, 0x1000);
  assert_int_equal(list[0].flags, MAP_NORESERVE);
  assert_int_equal(list[0].advices, 2);
  assert_int_equal(list[0].advice[0], MADV_HUGEPAGE);
  assert_int_equal(list[0].advice[1], MADV_DONTDUMP);
  assert_int_equal(list[1].flags, MAP_GROWSDOWN);
  assert_int_equal(list[1].advices, 0);
  free(list);
  free(text);
}

static void readsLocksAndWhetherAMappingCanBeWritten(void **state) {
  (void)state;
  char *text = must_strdup("1000-3000 rw-p 00000000 00:00 0\nVmFlags: rd wr mr mw me lo lf \n"
                           "5000-6000 r--s 00000000 00:01 7    /SYSV00000000 (deleted)\nVmFlags: rd sh mr me lo \n");
  struct map_flags *list;
  size_t count;
  assert_int_equal(map_flags_parse(text, &list, &count), 0);
  assert_int_equal(count, 2);
  assert_int_equal(list[0].end, 0x3000);
  assert_int_equal(list[0].flags, MAP_LOCKED);
  assert_true(list[0].locked_on_fault && list[0].may_write);
  assert_int_equal(list[1].flags, MAP_LOCKED);
  assert_false(list[1].locked_on_fault || list[1].may_write);
  free(list);
  free(text);
}

static void findsTheMappingBelowAnAddress(void **state) {
  (void)state;
  char *text = must_strdup(two);
  struct map_flags *list;
  size_t count;
  assert_int_equal(map_flags_parse(text, &list, &count), 0);
  assert_null(map_flags_at(list, count, 0xfff));
  assert_ptr_equal(map_flags_at(list, count, 0x2000), &list[0]);
  assert_ptr_equal(map_flags_at(list, count, 0x5000), &list[1]);
  free(list);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readsFlagsAndAdvice),
      cmocka_unit_test(readsLocksAndWhetherAMappingCanBeWritten),
      cmocka_unit_test(findsTheMappingBelowAnAddress),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
