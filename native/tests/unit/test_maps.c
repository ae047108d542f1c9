// SPDX-License-Identifier: EPL-2.0
// Parsing of /proc/PID/maps.
#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "proc/maps.h"
#include "unit.h"

static int parse(const char *text, struct mappings *m) { return mappings_parse(must_strdup(text), m); }

static void readsAllFieldsOfALine(void **state) {
  (void)state;
  struct mappings m;
  assert_int_equal(parse("7f00-9f00 r-xs 00001000 08:01 42                 /usr/lib/a b.so\n", &m), 0);
  assert_int_equal(m.count, 1);
  assert_int_equal(m.item[0].start, 0x7f00);
  assert_int_equal(m.item[0].end, 0x9f00);
  assert_int_equal(m.item[0].offset, 0x1000);
  assert_int_equal(m.item[0].inode, 42);
  assert_int_equal(m.item[0].protection, PROT_READ | PROT_EXEC);
  assert_true(m.item[0].shared);
  assert_string_equal(m.item[0].name, "/usr/lib/a b.so");
  mappings_done(&m);
}

static void acceptsALineWithoutAName(void **state) {
  (void)state;
  struct mappings m;
  assert_int_equal(parse("1000-2000 rw-p 00000000 00:00 0 \n", &m), 0);
  assert_string_equal(m.item[0].name, "");
  mappings_done(&m);
}

static void cutsAStretchOutOfTheList(void **state) {
  (void)state;
  struct mappings m;
  assert_int_equal(parse("1000-5000 rw-p 00000000 00:00 0\n5000-6000 rw-p 00000000 00:00 0\n"
                         "6000-9000 r--p 00001000 08:01 42 /a\n",
                         &m),
                   0);
  mappings_cut(&m, 0x2000, 0x3000);
  assert_int_equal(m.count, 4);
  assert_int_equal(m.item[0].end, 0x2000);
  assert_int_equal(m.item[1].start, 0x3000);
  mappings_cut(&m, 0x4000, 0x7000);
  assert_int_equal(m.count, 3);
  assert_int_equal(m.item[1].end, 0x4000);
  assert_int_equal(m.item[2].start, 0x7000);
  assert_int_equal(m.item[2].offset, 0x2000);
  mappings_done(&m);
}

static void refusesWhatIsNoMapping(void **state) {
  (void)state;
  static const char *const bad[] = {"nonsense\n", "2000-1000 rw-p 0 0:0 0\n", "1000-2000 rw-p 0 0:0\n",
                                    "1000-3000 rw-p 0 0:0 0\n2000-4000 rw-p 0 0:0 0\n"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct mappings m;
    assert_int_equal(parse(bad[i], &m), -EBADMSG);
    assert_int_equal(m.count, 0);
  }
}

static void findsTheMappingAtAnAddress(void **state) {
  (void)state;
  struct mappings m;
  assert_int_equal(parse("1000-2000 rw-p 0 0:0 0\n3000-5000 rw-p 0 0:0 0 [heap]\n", &m), 0);
  assert_ptr_equal(mappings_at(&m, 0x1000), &m.item[0]);
  assert_null(mappings_at(&m, 0x2000));
  assert_ptr_equal(mappings_at(&m, 0x4fff), &m.item[1]);
  assert_null(mappings_at(&m, 0x5000));
  assert_string_equal(m.item[1].name, "[heap]");
  mappings_done(&m);
}

static void readsItsOwnProcess(void **state) {
  (void)state;
  struct mappings m;
  int here;
  assert_int_equal(mappings_read(getpid(), &m), 0);
  const struct mapping *stack = mappings_at(&m, (uint64_t)(uintptr_t)&here);
  assert_non_null(stack);
  assert_false(mapping_is_special(stack));
  const struct mapping *vdso = mappings_at(&m, getauxval(AT_SYSINFO_EHDR));
  assert_true(!vdso || mapping_is_special(vdso));
  mappings_done(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readsAllFieldsOfALine),      cmocka_unit_test(acceptsALineWithoutAName),
      cmocka_unit_test(cutsAStretchOutOfTheList),   cmocka_unit_test(refusesWhatIsNoMapping),
      cmocka_unit_test(findsTheMappingAtAnAddress), cmocka_unit_test(readsItsOwnProcess),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
