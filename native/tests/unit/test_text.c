// SPDX-License-Identifier: EPL-2.0
// Texts of messages, and names of sessions.
#include <stdlib.h>

#include "base/memory.h"
#include "session/address.h"
#include "session/text.h"
#include "unit.h"

static void expect_clean(const char *text, const char *clean) {
  char *copy = must_strdup(text);
  assert_string_equal(text_clean(copy), clean);
  free(copy);
}

static void leavesWellFormedTextAlone(void **state) {
  (void)state;
  expect_clean("", "");
  expect_clean("plain\n", "plain\n");
  expect_clean("ä€😀", "ä€😀");
  expect_clean("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");  // U+10FFFF
  assert_null(text_clean(NULL));
}

static void replacesEachOddByte(void **state) {
  (void)state;
  expect_clean("a\xff"
               "b",
               "a?b");
  expect_clean("\xc3", "?");                   // cut short
  expect_clean("\xe2\x82", "??");              // the same
  expect_clean("\xc0\xaf", "??");              // overlong
  expect_clean("\xe0\x80\xaf", "???");         // the same
  expect_clean("\xed\xa0\x80", "???");         // a surrogate
  expect_clean("\xf4\x90\x80\x80", "????");    // beyond U+10FFFF
  expect_clean("\xf0\x9f\x98\x80\x80", "😀?");  // one byte too many
}

static void tamesWhatATerminalWouldObey(void **state) {
  (void)state;
  char text[] = "a\x1b[2Jb\n\x7f\xc2\x9b"
                "1mä";
  assert_string_equal(text_tame(text), "a?[2Jb????1mä");
}

static void namesOfSnapshotsAreShortAndPrintable(void **state) {
  (void)state;
  char name[202];
  memset(name, 'x', sizeof name);
  name[201] = 0;
  assert_false(text_is_snapshot_name(name));
  name[200] = 0;
  assert_true(text_is_snapshot_name(name));
  assert_true(text_is_snapshot_name(""));
  assert_true(text_is_snapshot_name("before “the bug” ☺"));
  assert_false(text_is_snapshot_name("two\nlines"));
  assert_false(text_is_snapshot_name("\x1b[31mred"));
  assert_false(text_is_snapshot_name("\x7f"));
  assert_false(text_is_snapshot_name("\xc2\x9b"));  // a control character of two bytes
  assert_false(text_is_snapshot_name("\xff"));
}

static void namesOfSessionsAreSafeInPaths(void **state) {
  (void)state;
  static const char *const good[] = {"a", "bank-1", "A.b_c+d@e"};
  static const char *const bad[] = {"", ".", "..", ".a", "-a", "a/b", "a b", "ä", "a\n"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_true(address_name_valid(good[i]));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(address_name_valid(bad[i]));
  char longest[SESSION_NAME_MAX + 2];
  memset(longest, 'a', sizeof longest);
  longest[SESSION_NAME_MAX + 1] = 0;
  assert_false(address_name_valid(longest));
  longest[SESSION_NAME_MAX] = 0;
  assert_true(address_name_valid(longest));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(leavesWellFormedTextAlone),     cmocka_unit_test(replacesEachOddByte),
      cmocka_unit_test(tamesWhatATerminalWouldObey),   cmocka_unit_test(namesOfSnapshotsAreShortAndPrintable),
      cmocka_unit_test(namesOfSessionsAreSafeInPaths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
