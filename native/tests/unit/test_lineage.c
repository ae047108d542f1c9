// SPDX-License-Identifier: EPL-2.0
// The line of snapshots: which pages may differ between any two of them.
#include <stdlib.h>

#include "engine/state.h"
#include "proc/pagemap.h"
#include "unit.h"

enum { PAGES = 16 };

static struct engine *engine_with_line(struct lineage *n[4]) {
  // 0 ← 1 ← 2, and 3 beside 2 after a rewind to 1
  struct engine *g = engine_new();
  n[0] = lineage_new(g, NULL);
  n[1] = lineage_new(g, n[0]);
  lineage_add(n[1], 1 * ARCH_PAGE, 2 * ARCH_PAGE);
  n[2] = lineage_new(g, n[1]);
  lineage_add(n[2], 2 * ARCH_PAGE, 3 * ARCH_PAGE);
  n[3] = lineage_new(g, n[1]);
  lineage_add(n[3], 3 * ARCH_PAGE, 5 * ARCH_PAGE);
  return g;
}

static void expect(const struct lineage *from, const struct lineage *to, const char *changed) {
  uint64_t words[PAGES] = {0};
  lineage_mark(from, to, 0, PAGES * ARCH_PAGE, words);
  for (int i = 0; i < PAGES; i++)
    assert_int_equal(words[i] & PAGE_EXCLUSIVE ? 'x' : '.', i < (int)strlen(changed) ? changed[i] : '.');
}

static void unitesWhatChangedAlongThePath(void **state) {
  (void)state;
  struct lineage *n[4];
  struct engine *g = engine_with_line(n);
  expect(n[2], n[2], "");
  expect(n[2], n[1], "..x");
  expect(n[2], n[0], ".xx");
  expect(n[2], n[3], "..xxx");
  expect(n[3], n[2], "..xxx");
  expect(n[0], n[3], ".x.xx");
  engine_free(g);
}

static void keepsThePathWhenASnapshotInTheMiddleIsDeleted(void **state) {
  (void)state;
  struct lineage *n[4];
  struct engine *g = engine_with_line(n);
  lineage_drop(g, n[3]);  // a leaf: gone at once
  lineage_drop(g, n[1]);  // now between 0 and 2 only: folded into 2
  assert_int_equal(g->nodes, 2);
  expect(n[2], n[0], ".xx");
  engine_free(g);
}

static void keepsTheBaseOfTheLivingProcess(void **state) {
  (void)state;
  struct lineage *n[4];
  struct engine *g = engine_with_line(n);
  lineage_set_base(g, 100, n[3]);
  lineage_drop(g, n[3]);
  expect(n[3], n[2], "..xxx");
  assert_ptr_equal(lineage_base(g, 100), n[3]);
  assert_null(lineage_base(g, 101));
  lineage_set_base(g, 100, n[2]);
  lineage_drop(g, NULL);
  assert_int_equal(g->nodes, 3);
  engine_free(g);
}

static void joinsNeighbouringRanges(void **state) {
  (void)state;
  struct engine *g = engine_new();
  struct lineage *n = lineage_new(g, NULL);
  lineage_add(n, ARCH_PAGE, 2 * ARCH_PAGE);
  lineage_add(n, 2 * ARCH_PAGE, 3 * ARCH_PAGE);
  lineage_add(n, 9 * ARCH_PAGE, 10 * ARCH_PAGE);
  assert_int_equal(n->ranges, 2);
  engine_free(g);
}

static void keepsWhatAnImageWasWrittenOf(void **state) {
  (void)state;
  struct lineage *n[4];
  struct engine *g = engine_with_line(n);
  lineage_drop(g, n[3]);
  lineage_retain(n[1]);
  lineage_drop(g, n[1]);
  assert_int_equal(g->nodes, 3);
  expect(n[2], n[1], "..x");
  lineage_release(g, n[1]);
  assert_int_equal(g->nodes, 2);
  expect(n[2], n[0], ".xx");
  engine_free(g);
}

static void countsThePagesOfThePath(void **state) {
  (void)state;
  struct lineage *n[4];
  struct engine *g = engine_with_line(n);
  assert_int_equal(lineage_distance(n[2], n[2]), 0);
  assert_int_equal(lineage_distance(n[0], n[2]), 2);
  assert_int_equal(lineage_distance(n[2], n[3]), 3);
  assert_int_equal(lineage_distance(n[3], n[2]), 3);
  assert_true(lineage_distance(n[3], lineage_new(g, NULL)) == UINT64_MAX);
  engine_free(g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unitesWhatChangedAlongThePath),  cmocka_unit_test(keepsThePathWhenASnapshotInTheMiddleIsDeleted),
      cmocka_unit_test(keepsTheBaseOfTheLivingProcess), cmocka_unit_test(joinsNeighbouringRanges),
      cmocka_unit_test(keepsWhatAnImageWasWrittenOf),   cmocka_unit_test(countsThePagesOfThePath),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
