// SPDX-License-Identifier: EPL-2.0
// What the commands that ask a session have in common.
#include "cli/ask.h"

#include <string.h>
#include <time.h>

#include "base/memory.h"

int ask_list(struct connection *c, bool measured, Reply **ret, struct error *e) {
  Snapback__Control__ListRequest list = SNAPBACK__CONTROL__LIST_REQUEST__INIT;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  list.unmeasured = !measured;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_LIST;
  request.list = &list;
  return connection_call(c, &request, ret, e);
}

int ask_status(struct connection *c, Reply **ret, struct error *e) {
  Snapback__Control__StatusRequest status = SNAPBACK__CONTROL__STATUS_REQUEST__INIT;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_STATUS;
  request.status = &status;
  return connection_call(c, &request, ret, e);
}

int ask_snapshot(struct connection *c, const char *text, uint64_t *ret_id, struct error *e) {
  _cleanup_reply_ Reply *reply = NULL;
  if (ask_list(c, false, &reply, e))
    return -1;
  unsigned long number = 0;
  bool is_number = command_number(text, UINT32_MAX, &number) == 0;
  *ret_id = 0;
  for (size_t i = reply->list->n_snapshot; i-- > 0;) {
    const Snapback__Control__Snapshot *s = reply->list->snapshot[i];
    if (is_number && s->id == number) {
      *ret_id = number;
      return 0;
    }
    if (*ret_id == 0 && *text && strcmp(s->name, text) == 0)
      *ret_id = s->id;
  }
  if (*ret_id)
    return 0;
  return error_set(e, ERROR_NO_SUCH_SNAPSHOT, "there is no snapshot '%s' in session %s; 'snapback list' shows all",
                   text, connection_session(c));
}

int ask_for_end(const struct command *self, int argc, char **argv, Request *request) {
  const char *session = NULL;
  const struct option_row rows[] = {{"session", 's', &session, NULL}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc > 0)
    return command_usage_error(self, "%s: what is '%s'? A session is named by -s", self->name, argv[0]);
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_reply_ Reply *reply = NULL;
  if (connection_open(session, &c, &e) || connection_call(c, request, &reply, &e))
    return command_failed(&e);
  connection_wait_end(c);
  return EXIT_OK;
}

char *text_of_bytes(uint64_t bytes) {
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
  double amount = (double)bytes / 1024;
  unsigned unit = 0;
  for (; amount >= 1024 && unit < 3; unit++)
    amount /= 1024;
  return must_format(unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
}

char *text_of_time(uint64_t utc_ms) {
  time_t then = (time_t)(utc_ms / 1000), now = time(NULL);
  struct tm then_parts, now_parts;
  (void)localtime_r(&then, &then_parts);
  (void)localtime_r(&now, &now_parts);
  bool today = then_parts.tm_yday == now_parts.tm_yday && then_parts.tm_year == now_parts.tm_year;
  char text[64];
  (void)strftime(text, sizeof text, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &then_parts);
  return must_strdup(text);
}
