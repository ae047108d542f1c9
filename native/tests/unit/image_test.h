// SPDX-License-Identifier: EPL-2.0
// What the tests of images share: a folder of their own, and reading a sample back.
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "sample_image.h"
#include "unit.h"

static char test_folder[64];

static inline int make_folder(void **state) {
  (void)state;
  (void)snprintf(test_folder, sizeof test_folder, "/tmp/snapback-image-XXXXXX");
  return mkdtemp(test_folder) ? 0 : -1;
}

// The number of files in it, all taken away when `remove`.
static inline int files_in_folder(int take_away) {
  DIR *d = opendir(test_folder);
  int n = 0;
  for (struct dirent *entry; (entry = readdir(d));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    n++;
    if (take_away)
      assert_int_equal(unlinkat(dirfd(d), entry->d_name, 0), 0);
  }
  (void)closedir(d);
  return n;
}

static inline int remove_folder(void **state) {
  (void)state;
  (void)files_in_folder(1);
  return rmdir(test_folder);
}

static inline const char *in_folder(const char *name) {
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];
  (void)snprintf(path, sizeof paths[0], "%s/%s", test_folder, name);
  return path;
}

static inline void must_succeed(int result, const struct error *e) {
  if (result)
    fail_msg("%s", e->text);
}

static inline struct image *must_open(const char *path) {
  struct image *i = NULL;
  struct error e = {0};
  must_succeed(image_open(path, &i, &e), &e);
  must_succeed(image_open_ancestors(i, NULL, &e), &e);
  return i;
}

static inline void must_write(struct sample *s, const struct image_writer_options *o, const struct image *parent,
                              const struct sample *before) {
  struct error e = {0};
  must_succeed(sample_write(s, o, parent, before, &e), &e);
}

// 0 when all of the sample can be read, -1 with `e` when it cannot; fails when it reads as something else.
static inline int read_sample(const struct image *i, const struct sample *s, struct error *e) {
  bool holes = false;
  unsigned char object[SAMPLE_OBJECT_PAGES * IMAGE_PAGE], *bytes = must_alloc(s->pages * IMAGE_PAGE);
  int r = image_read(i, SAMPLE_SPACE, SAMPLE_START, bytes, s->pages * IMAGE_PAGE, &holes, e);
  if (r == 0)
    assert_memory_equal(bytes, s->bytes, s->pages * IMAGE_PAGE);
  free(bytes);
  if (r || image_read(i, SAMPLE_OBJECT_SPACE, 0, object, sizeof object, &holes, e))
    return -1;
  assert_memory_equal(object, s->object, sizeof object);
  assert_false(holes);
  return 0;
}
