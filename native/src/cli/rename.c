// SPDX-License-Identifier: EPL-2.0
// `snapback rename`: names a snapshot.
#include "cli/ask.h"

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL;
  const struct option_row rows[] = {{"session", 's', &session, NULL}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc != 2)
    return command_usage_error(self, "rename: a snapshot and its new name are needed");
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_reply_ Reply *reply = NULL;
  Snapback__Control__RenameRequest rename = SNAPBACK__CONTROL__RENAME_REQUEST__INIT;
  rename.name = argv[1];
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_RENAME;
  request.rename = &rename;
  if (connection_open(session, &c, &e) || ask_snapshot(c, argv[0], &rename.snapshot, &e) ||
      connection_call(c, &request, &reply, &e))
    return command_failed(&e);
  return EXIT_OK;
}

const struct command command_rename = {
    .name = "rename",
    .usage = "[-s SESSION] ID|NAME TEXT",
    .summary = "Give a snapshot another name",
    .help = "An empty TEXT takes its name away.\n\n"
            "  -s, --session SESSION  a session's name or socket\n",
    .run = run,
};
