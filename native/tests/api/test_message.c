// SPDX-License-Identifier: EPL-2.0
// The library's hand-written messages against protobuf's own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/message.h"
#include "proto/control.pb-c.h"

static void writes_what_protobuf_reads(void **state) {
  (void)state;
  struct message take = {0}, save = {0}, request = {0};
  message_text(&take, 1, "a name");
  message_inner(&take, 4, &save);
  message_number(&take, 5, UINT64_MAX);
  message_number(&request, 1, 300);
  message_inner(&request, 5, &take);
  assert_false(request.too_long);
  Snapback__Control__Request *read = snapback__control__request__unpack(NULL, request.size, request.bytes);
  assert_non_null(read);
  assert_int_equal(read->id, 300);
  assert_int_equal(read->verb_case, SNAPBACK__CONTROL__REQUEST__VERB_TAKE);
  assert_string_equal(read->take->name, "a name");
  assert_non_null(read->take->save);
  assert_true(read->take->by_application == UINT64_MAX);
  snapback__control__request__free_unpacked(read, NULL);
}

static void reads_what_protobuf_writes(void **state) {
  (void)state;
  Snapback__Control__Status status = SNAPBACK__CONTROL__STATUS__INIT;
  status.name = (char *)"a session";
  status.kind = SNAPBACK__CONTROL__SESSION_KIND__SESSION_KIND_DEBUGGER;
  status.snapshots = 7;
  status.current_snapshot = 1ull << 40;
  uint8_t bytes[256];
  size_t size = snapback__control__status__pack(&status, bytes);
  struct view v = {bytes, size};
  char name[6];
  uint64_t number = 0;
  view_text(v, 1, name, sizeof name);
  assert_string_equal(name, "a ses");
  assert_true(view_number(v, 2, &number) && number == 2);
  assert_true(view_number(v, 8, &number) && number == 7);
  assert_true(view_number(v, 9, &number) && number == 1ull << 40);
  assert_false(view_number(v, 14, &number));
  // Cut anywhere it is read without a step beyond its end.
  for (size_t n = 0; n < size; n++) {
    uint8_t *part = malloc(n + 1);
    memcpy(part, bytes, n);
    (void)view_number((struct view){part, n}, 9, &number);
    free(part);
  }
}

static void tells_when_there_is_no_room(void **state) {
  (void)state;
  static char text[2000];
  struct message m = {0};
  memset(text, 'x', sizeof text - 1);
  message_text(&m, 1, text);
  assert_true(m.too_long);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writes_what_protobuf_reads),
      cmocka_unit_test(reads_what_protobuf_writes),
      cmocka_unit_test(tells_when_there_is_no_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
