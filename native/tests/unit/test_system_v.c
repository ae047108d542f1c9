// SPDX-License-Identifier: EPL-2.0
// Parsing of /proc/sysvipc/{shm,sem,msg}.
#include <errno.h>

#include "resource/system_v.h"
#include "unit.h"

static const char segments[] = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid "
                               " cgid      atime      dtime\n"
                               "-559038737          3  1600                 24476   120   120      1  1000  1000  1000 "
                               " 1000          0          0\n"
                               "         0          4   644               4096000   120   121      0  1000  1000  1000 "
                               " 1000          0          0\n";

static void readsSegments(void **state) {
  (void)state;
  struct system_v v = {0};
  assert_int_equal(system_v_parse(segments, SEGMENT, &v), 0);
  assert_int_equal(v.count, 2);
  assert_int_equal(v.item[0].key, -559038737);
  assert_int_equal(v.item[0].id, 3);
  assert_int_equal(v.item[0].size, 24476);
  assert_true(v.item[0].is_removed);
  assert_false(v.item[1].is_removed);
  assert_ptr_equal(system_v_find(&v, SEGMENT, 4), &v.item[1]);
  assert_null(system_v_find(&v, QUEUE, 4));
  system_v_done(&v);
}

// The fourth column of queues says how much is in them.
static void leavesOutWhatIsInAQueue(void **state) {
  (void)state;
  struct system_v v = {0};
  assert_int_equal(system_v_parse("key msqid perms cbytes qnum\n 7 5 1600 812 3 0 0\n", QUEUE, &v), 0);
  assert_int_equal(v.count, 1);
  assert_int_equal(v.item[0].size, 0);
  assert_false(v.item[0].is_removed);
  system_v_done(&v);
}

static void refusesOtherText(void **state) {
  (void)state;
  static const char *const wrong[] = {"head\nno numbers\n", "head\n1 2\n", "head\n1 -2 600 4\n", "head\n1 2 600 x\n"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct system_v v = {0};
    assert_int_equal(system_v_parse(wrong[i], SEMAPHORES, &v), -EBADMSG);
    system_v_done(&v);
  }
  struct system_v none = {0};
  assert_int_equal(system_v_parse("", SEMAPHORES, &none), 0);
  assert_int_equal(system_v_parse("only a head", SEMAPHORES, &none), 0);
  assert_int_equal(none.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readsSegments),
      cmocka_unit_test(leavesOutWhatIsInAQueue),
      cmocka_unit_test(refusesOtherText),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
