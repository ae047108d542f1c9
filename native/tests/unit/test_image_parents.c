// SPDX-License-Identifier: EPL-2.0
// Images that build on older ones.
#include <sys/stat.h>

#include "image_test.h"

// Three images, each with a few pages changed since the one before.
struct family {
  struct sample sample[3];
};

static void found_family(struct family *f, enum image_compression compression) {
  static const char *const names[] = {"first", "second", "third"};
  struct image *parent = NULL;
  (void)files_in_folder(1);
  for (unsigned n = 0; n < 3; n++) {
    f->sample[n] = sample_new(1000, 7);
    for (size_t page = 10; n >= 1 && page < 1000; page += 90)
      sample_fill_page(&f->sample[n], page, 5000 + (unsigned)page);
    for (size_t page = 15; n >= 2 && page < 1000; page += 200)
      sample_fill_page(&f->sample[n], page, 9000 + (unsigned)page);
    struct image_writer_options o = {.path = in_folder(names[n]), .compression = compression};
    must_write(&f->sample[n], &o, parent, n ? &f->sample[n - 1] : NULL);
    image_close(parent);
    parent = must_open(o.path);
  }
  image_close(parent);
}

static void family_done(struct family *f) {
  for (int n = 0; n < 3; n++)
    sample_done(&f->sample[n]);
}

static void check_third(const struct family *f, struct image *i) {
  struct error e = {0};
  must_succeed(image_verify(i, &e), &e);
  must_succeed(read_sample(i, &f->sample[2], &e), &e);
}

static void readsPagesFromWhereTheyAre(void **state) {
  (void)state;
  for (int compression = IMAGE_PLAIN; compression <= IMAGE_ZSTD; compression++) {
    struct family f;
    found_family(&f, (enum image_compression)compression);
    struct image *i = must_open(in_folder("third"));
    assert_int_equal(image_metadata(i)->n_ancestor, 2);
    assert_string_equal(image_metadata(i)->ancestor[0]->file, "second");
    assert_string_equal(image_metadata(i)->ancestor[1]->file, "first");
    assert_true(image_bytes(i) < 40 * IMAGE_PAGE);
    check_third(&f, i);
    image_close(i);
    family_done(&f);
  }
}

static void dropsAnAncestorThatNothingIsReadFrom(void **state) {
  (void)state;
  struct sample s = sample_new(100, 1), other = sample_new(100, 1);
  must_write(&s, &(struct image_writer_options){.path = in_folder("old")}, NULL, NULL);
  for (size_t page = 0; page < 100; page++)
    sample_fill_page(&other, page, 70000 + (unsigned)page);
  struct image *parent = must_open(in_folder("old"));
  must_write(&other, &(struct image_writer_options){.path = in_folder("new")}, parent, &s);
  image_close(parent);
  struct image *i = must_open(in_folder("new"));
  size_t shared = 0, count;
  const struct image_extent *x = image_extents(i, SAMPLE_SPACE, &count);
  for (size_t n = 0; n < count; n++)
    shared += x[n].file != 0;
  assert_int_equal(image_metadata(i)->n_ancestor, shared != 0);
  image_close(i);
  sample_done(&s);
  sample_done(&other);
}

static void assert_missing(const char *folder, const char *word) {
  struct image *i = NULL;
  struct error e = {0};
  unsigned char byte;
  must_succeed(image_open(in_folder("third"), &i, &e), &e);
  assert_int_equal(image_open_ancestors(i, folder, &e), -1);
  assert_non_null(strstr(e.text, word));
  assert_non_null(strstr(e.text, "first"));
  // Nothing of it can be read by then, and nothing is guessed.
  e = (struct error){0};
  assert_int_equal(image_read(i, SAMPLE_SPACE, SAMPLE_START + 2 * IMAGE_PAGE, &byte, 1, NULL, &e), -1);
  e = (struct error){0};
  assert_int_equal(image_verify(i, &e), -1);
  image_close(i);
}

static void namesAnAncestorThatIsGone(void **state) {
  (void)state;
  struct family f;
  found_family(&f, IMAGE_PLAIN);
  assert_int_equal(unlink(in_folder("first")), 0);
  assert_missing(NULL, "not there any more");
  family_done(&f);
}

static void namesAnAncestorThatIsAnotherImageNow(void **state) {
  (void)state;
  struct family f;
  found_family(&f, IMAGE_PLAIN);
  must_write(&f.sample[0], &(struct image_writer_options){.path = in_folder("first")}, NULL, NULL);
  assert_missing(NULL, "another image now");
  family_done(&f);
}

static void namesAnAncestorThatIsDamaged(void **state) {
  (void)state;
  struct family f;
  found_family(&f, IMAGE_PLAIN);
  assert_int_equal(truncate(in_folder("first"), 8192), 0);
  assert_missing(NULL, "damaged");
  family_done(&f);
}

static void findsAncestorsThatWereMoved(void **state) {
  (void)state;
  struct family f;
  char moved[80], aside[160];
  found_family(&f, IMAGE_PLAIN);
  (void)snprintf(moved, sizeof moved, "%s-moved", test_folder);
  assert_int_equal(mkdir(moved, 0700), 0);
  (void)snprintf(aside, sizeof aside, "%s/first", moved);
  assert_int_equal(rename(in_folder("first"), aside), 0);
  struct image *i = NULL;
  struct error e = {0};
  must_succeed(image_open(in_folder("third"), &i, &e), &e);
  must_succeed(image_open_ancestors(i, moved, &e), &e);
  assert_string_equal(image_ancestor_path(i, 1), aside);
  check_third(&f, i);
  image_close(i);
  // All beside each other in another place.
  assert_int_equal(rename(aside, in_folder("first")), 0);
  assert_int_equal(rmdir(moved), 0);
  assert_int_equal(rename(test_folder, moved), 0);
  (void)snprintf(aside, sizeof aside, "%s/third", moved);
  i = must_open(aside);
  check_third(&f, i);
  image_close(i);
  assert_int_equal(rename(moved, test_folder), 0);
  family_done(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readsPagesFromWhereTheyAre),   cmocka_unit_test(dropsAnAncestorThatNothingIsReadFrom),
      cmocka_unit_test(namesAnAncestorThatIsGone),    cmocka_unit_test(namesAnAncestorThatIsAnotherImageNow),
      cmocka_unit_test(namesAnAncestorThatIsDamaged), cmocka_unit_test(findsAncestorsThatWereMoved),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
