// SPDX-License-Identifier: EPL-2.0
// An image as JSON: the fields of its schema, and what can be told about them here.
#include <inttypes.h>
#include <stdio.h>

#include "cli/frames.h"
#include "cli/image_words.h"
#include "cli/inspect.h"
#include "cli/json.h"

static void put_id(const struct image *i) {
  (void)fputs(", \"id\": \"", stdout);
  for (int n = 0; n < IMAGE_ID; n++)
    (void)printf("%02x", image_id(i)[n]);
  (void)fputs("\"", stdout);
}

static void put_frame(struct frame_files *files, const Snapback__Image__Process *p, const Snapback__Image__Thread *t) {
  struct frame f = frame_of(files, p, t);
  (void)printf("{\"tid\": %" PRId32 ", \"function\": ", t->tid);
  json_string(stdout, f.function);
  (void)printf(", \"offset\": %" PRIu64 ", \"file\": ", f.offset);
  json_string(stdout, f.mapping ? f.mapping->name : "");
  (void)fputs("}", stdout);
}

static void put_frames(const Snapback__Image__Image *m) {
  struct frame_files files = {.count = 0};
  bool first = true;
  (void)fputs(", \"frame\": [", stdout);
  for (size_t n = 0; n < m->n_process; n++)
    for (size_t k = 0; k < m->process[n]->n_thread; k++, first = false) {
      (void)fputs(first ? "" : ", ", stdout);
      put_frame(&files, m->process[n], m->process[n]->thread[k]);
    }
  (void)fputs("]", stdout);
  frame_files_done(&files);
}

static void put_space(const struct image *i, uint32_t space, const char *comma) {
  uint64_t zero, held = bytes_held(i, space, 0, UINT64_MAX, &zero);
  (void)printf("%s{\"space\": %" PRIu32 ", \"data_bytes\": %" PRIu64 ", \"zero_bytes\": %" PRIu64 "}", comma, space,
               held - zero, zero);
}

static void put_spaces(const struct image *i) {
  const Snapback__Image__Image *m = image_metadata(i);
  (void)fputs(", \"space\": [", stdout);
  for (size_t n = 0; n < m->n_process; n++)
    put_space(i, m->process[n]->space, n ? ", " : "");
  for (size_t n = 0; n < m->n_shared_object; n++)
    put_space(i, m->shared_object[n]->space, ", ");
  for (size_t n = 0; n < m->n_kept_file; n++)
    put_space(i, m->kept_file[n]->space, ", ");
  (void)fputs("]", stdout);
}

void inspect_as_json(const struct image *i) {
  (void)fputs("{\"path\": ", stdout);
  json_string(stdout, image_path(i));
  (void)printf(", \"bytes\": %" PRIu64, image_bytes(i));
  put_id(i);
  put_frames(image_metadata(i));
  put_spaces(i);
  (void)fputs(", ", stdout);
  json_fields(stdout, &image_metadata(i)->base);
  (void)puts("}");
}
