// SPDX-License-Identifier: EPL-2.0
// The golden images read as they always have (tests/image/golden).
#include "image_test.h"

enum { AREA = 0x20000000, PAGES = 12 };

static struct image *open_golden(const char *name) {
  char path[512];
  (void)snprintf(path, sizeof path, "%s/%s", GOLDEN_FOLDER, name);
  return must_open(path);
}

// What ticking.c fills its memory with.
static unsigned char expected(unsigned page, unsigned at) {
  return page % 3 == 2 ? 0 : (unsigned char)(page * 7 + 1 + at % 5);
}

static void check_area(const struct image *i) {
  const Snapback__Image__Process *p = image_metadata(i)->process[0];
  struct error e = {0};
  for (unsigned page = 0; page < PAGES; page++) {
    unsigned char bytes[IMAGE_PAGE];
    bool holes = false;
    must_succeed(image_read(i, p->space, AREA + page * IMAGE_PAGE, bytes, sizeof bytes, &holes, &e), &e);
    for (unsigned at = 0; at < IMAGE_PAGE; at++)
      assert_int_equal(bytes[at], expected(page, at));
  }
}

static void check_ticks(const struct image *i, uint64_t ticks) {
  const Snapback__Image__Image *m = image_metadata(i);
  struct error e = {0};
  uint64_t found;
  assert_int_equal(m->n_shared_object, 1);
  assert_string_equal(m->shared_object[0]->name, "ticking");
  must_succeed(image_read(i, m->shared_object[0]->space, 0, &found, sizeof found, NULL, &e), &e);
  assert_int_equal(found, ticks);
}

static void readsTheFirstAsEver(void **state) {
  (void)state;
  struct image *i = open_golden("first.img");
  const Snapback__Image__Image *m = image_metadata(i);
  struct error e = {0};
  must_succeed(image_verify(i, &e), &e);
  assert_int_equal(m->n_ancestor, 0);
  assert_string_equal(m->name, "first golden");
  assert_int_equal(m->process[0]->pid, 20001);
  assert_int_equal(m->process[0]->n_descriptor, 7);
  assert_string_equal(m->process[0]->executable->path, "/golden/ticking");
  assert_int_equal(m->pipe[0]->content.len, 7);
  assert_memory_equal(m->pipe[0]->content.data, "seven b", 7);
  check_area(i);
  check_ticks(i, 2002);
  image_close(i);
}

static void readsTheSecondAsEver(void **state) {
  (void)state;
  struct image *i = open_golden("second.img");
  struct error e = {0};
  must_succeed(image_verify(i, &e), &e);
  assert_int_equal(image_metadata(i)->n_ancestor, 1);
  assert_string_equal(image_metadata(i)->ancestor[0]->file, "first.img");
  check_area(i);
  check_ticks(i, 2003);
  image_close(i);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(readsTheFirstAsEver), cmocka_unit_test(readsTheSecondAsEver)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
