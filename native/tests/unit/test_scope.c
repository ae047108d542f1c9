// SPDX-License-Identifier: EPL-2.0
// Which processes belong to a session: offspring, parents first, and nobody else.
#include "proc/scope.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/offspring.h"
#include "unit.h"

struct family {
  pid_t parent, child;
};

_Noreturn static void wait_to_be_ended(void) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);  // should the test itself be killed
  for (;;)
    (void)pause();
}

// A child with a child of its own, whose number it tells.
static struct family make_family(void) {
  int ends[2];
  struct family f = {0};
  assert_int_equal(pipe(ends), 0);
  f.parent = fork();
  if (f.parent == 0) {
    pid_t child = fork();
    if (child == 0)
      wait_to_be_ended();
    (void)!write(ends[1], &child, sizeof child);
    wait_to_be_ended();
  }
  assert_int_equal(read(ends[0], &f.child, sizeof f.child), sizeof f.child);
  (void)close(ends[0]);
  (void)close(ends[1]);
  return f;
}

static void end_family(struct family f) {
  (void)kill(f.child, SIGKILL);
  (void)kill(f.parent, SIGKILL);
  assert_int_equal(waitpid(f.parent, NULL, 0), f.parent);
}

static size_t index_of(const pid_t *list, size_t count, pid_t pid) {
  size_t i = 0;
  while (i < count && list[i] != pid)
    i++;
  return i;
}

static void lists_children_and_no_grandchildren(void **state) {
  (void)state;
  struct family f = make_family();
  pid_t *list = NULL;
  size_t count = 0;
  assert_int_equal(children_list(getpid(), &list, &count), 0);
  assert_true(index_of(list, count, f.parent) < count);
  assert_int_equal(index_of(list, count, f.child), count);
  free(list);
  end_family(f);
}

static void lists_parents_before_their_children(void **state) {
  (void)state;
  struct family f = make_family();
  const pid_t roots[] = {f.parent, f.parent, 0x3fffffff};
  pid_t *list = NULL;
  size_t count = 0;
  assert_int_equal(offspring_list(roots, 3, NULL, NULL, &list, &count), 0);
  assert_int_equal(count, 2);
  assert_int_equal(list[0], f.parent);
  assert_int_equal(list[1], f.child);
  free(list);
  end_family(f);
}

static bool is_that(const void *data, pid_t pid) { return pid == *(const pid_t *)data; }

static void leaves_out_whom_it_is_told_to(void **state) {
  (void)state;
  struct family f = make_family();
  pid_t *list = NULL;
  size_t count = 0;
  const pid_t self = getpid();
  assert_int_equal(offspring_list(&self, 1, is_that, &f.parent, &list, &count), 0);
  assert_int_equal(index_of(list, count, f.parent), count);
  assert_int_equal(index_of(list, count, f.child), count);
  free(list);
  end_family(f);
}

static void leaves_all_others_out_of_the_session(void **state) {
  (void)state;
  struct family f = make_family(), other = make_family();
  pid_t *list = NULL;
  size_t count = 0;
  scope_limit(&f.parent, 1, NULL, NULL);
  assert_int_equal(scope_list(&list, &count), 0);
  assert_int_equal(count, 2);
  assert_int_equal(index_of(list, count, other.parent), count);
  free(list);
  scope_limit(NULL, 0, NULL, NULL);
  assert_int_equal(scope_list(&list, &count), 0);
  assert_true(index_of(list, count, getpid()) < count);
  assert_true(index_of(list, count, other.child) < count);
  free(list);
  end_family(f);
  end_family(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists_children_and_no_grandchildren),
      cmocka_unit_test(lists_parents_before_their_children),
      cmocka_unit_test(leaves_out_whom_it_is_told_to),
      cmocka_unit_test(leaves_all_others_out_of_the_session),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
