// SPDX-License-Identifier: EPL-2.0
// `snapback sessions`: the sessions of this user.
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "cli/ask.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/words.h"

static const char *const titles[] = {"SESSION", "KIND", "STATE", "PROGRAM", "SNAPSHOTS", "COMMAND"};
enum { COLUMNS = 6 };

static void add_row(struct table *t, const Snapback__Control__Status *s) {
  table_add(t, must_strdup(s->name));
  table_add(t, must_strdup(s->attached ? "attached" : word_of_kind(s->kind)));
  table_add(t, must_strdup(word_of_state(s->state)));
  table_add(t, s->program_host_pid ? must_format("%" PRId32, s->program_host_pid) : must_strdup("-"));
  table_add(t, must_format("%" PRIu32, s->snapshots));
  table_add(t, words_of_command(s));
}

static void print_json(const Snapback__Control__Status *s, const char *socket, bool first) {
  (void)fputs(first ? "{" : ", {", stdout);
  json_fields(stdout, &s->base);
  (void)fputs(", \"socket\": ", stdout);
  json_string(stdout, socket);
  (void)fputc('}', stdout);
}

// A session that ends while it is asked is left out; one that cannot be asked is named.
static int print_all(const struct found_sessions *found, bool json) {
  struct table t = {.columns = COLUMNS, .right = {[3] = true, [4] = true}};
  for (unsigned i = 0; i < COLUMNS; i++)
    table_add(&t, must_strdup(titles[i]));
  int status = EXIT_OK;
  size_t shown = 0;
  for (size_t i = 0; i < found->count; i++) {
    struct error e = {0};
    _cleanup_connection_ struct connection *c = NULL;
    _cleanup_reply_ Reply *reply = NULL;
    if (connection_open(found->paths[i], &c, &e) || ask_status(c, &reply, &e)) {
      status = command_failed(&e);
      continue;
    }
    if (json)
      print_json(reply->status, found->paths[i], shown == 0);
    else
      add_row(&t, reply->status);
    shown++;
  }
  if (!json && shown)
    table_print(&t);
  table_done(&t);
  return status;
}

static int run(const struct command *self, int argc, char **argv) {
  bool json = false;
  const struct option_row rows[] = {{"json", 0, NULL, &json}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc > 0)
    return command_usage_error(self, "sessions: what is '%s'?", argv[0]);
  struct error e = {0};
  struct found_sessions found;
  if (sessions_find(&found, &e))
    return command_failed(&e);
  if (json)
    (void)fputs("{\"sessions\": [", stdout);
  r = print_all(&found, json);
  if (json)
    (void)puts("]}");
  found_sessions_done(&found);
  return r;
}

const struct command command_sessions = {
    .name = "sessions",
    .usage = "[--json]",
    .summary = "List the sessions of this user",
    .help = "Those whose sockets are in the usual folder; PROGRAM is the process number outside of the session.\n"
            "Sockets where nobody listens any more are removed.\n\n"
            "      --json             as JSON, with the fields of the control protocol's Status\n",
    .run = run,
};
