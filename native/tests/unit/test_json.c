// SPDX-License-Identifier: EPL-2.0
// Protocol messages as JSON.
#include <stdio.h>
#include <stdlib.h>

#include "cli/json.h"
#include "proto/control.pb-c.h"
#include "unit.h"

static void expect_json(const ProtobufCMessage *message, const char *expected) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  json_message(out, message);
  (void)fclose(out);
  assert_string_equal(text, expected);
  free(text);
}

static void writesEveryFieldByItsName(void **state) {
  (void)state;
  Snapback__Control__AutoSettings settings = SNAPBACK__CONTROL__AUTO_SETTINGS__INIT;
  settings.enabled = 1;
  settings.cap = 4294967295u;
  expect_json(&settings.base, "{\"enabled\": true, \"cap\": 4294967295}");
}

static void escapesWhatJsonForbids(void **state) {
  (void)state;
  Snapback__Control__RenameRequest m = SNAPBACK__CONTROL__RENAME_REQUEST__INIT;
  m.snapshot = 18446744073709551615u;
  m.name = (char *)"a\"b\\c\n\t\x01\x7fä";
  expect_json(&m.base, "{\"snapshot\": 18446744073709551615, \"name\": \"a\\\"b\\\\c\\u000a\\u0009\\u0001\\u007fä\"}");
}

static void writesListsNestedMessagesAndNothing(void **state) {
  (void)state;
  uint64_t ids[] = {1, 2};
  Snapback__Control__DeleteReport list = SNAPBACK__CONTROL__DELETE_REPORT__INIT;
  expect_json(&list.base, "{\"snapshot\": []}");
  list.snapshot = ids;
  list.n_snapshot = 2;
  expect_json(&list.base, "{\"snapshot\": [1, 2]}");
  Snapback__Control__Place place = SNAPBACK__CONTROL__PLACE__INIT;
  Snapback__Control__Snapshot snapshot = SNAPBACK__CONTROL__SNAPSHOT__INIT;
  Snapback__Control__Snapshot *snapshots[] = {&snapshot};
  Snapback__Control__SnapshotList whole = SNAPBACK__CONTROL__SNAPSHOT_LIST__INIT;
  snapshot.place = &place;
  whole.snapshot = snapshots;
  whole.n_snapshot = 1;
  expect_json(&whole.base,
              "{\"snapshot\": [{\"id\": 0, \"name\": \"\", \"taken_ms\": 0, \"parent\": 0, \"place\": {\"function\": "
              "\"\", \"file\": \"\", \"line\": 0, \"pc\": 0, \"reason\": \"\"}, \"threads\": 0, \"memory_bytes\": 0, "
              "\"automatic\": false, \"with_debugger\": false, \"pid\": [], \"pause_us\": 0, \"image\": \"\", "
              "\"saved_bytes\": 0, \"saved_ms\": 0, \"saving\": false}], "
              "\"current_snapshot\": 0}");
  snapshot.place = NULL;
  expect_json(&list.base, "{\"snapshot\": [1, 2]}");
}

static void writesEnumerationsAsWords(void **state) {
  (void)state;
  Snapback__Control__StateChanged m = SNAPBACK__CONTROL__STATE_CHANGED__INIT;
  m.state = SNAPBACK__CONTROL__SESSION_STATE__SESSION_STATE_RUNNING;
  m.program_pid = -1;
  expect_json(&m.base, "{\"state\": \"running\", \"current_snapshot\": 0, \"program_pid\": -1}");
  m.state = (Snapback__Control__SessionState)77;
  expect_json(&m.base, "{\"state\": 77, \"current_snapshot\": 0, \"program_pid\": -1}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(writesEveryFieldByItsName),
      cmocka_unit_test(escapesWhatJsonForbids),
      cmocka_unit_test(writesListsNestedMessagesAndNothing),
      cmocka_unit_test(writesEnumerationsAsWords),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
