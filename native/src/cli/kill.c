// SPDX-License-Identifier: EPL-2.0
// `snapback kill`: ends a session.
#include "cli/ask.h"

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL;
  const struct option_row rows[] = {{"session", 's', &session, NULL}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc > 0)
    return command_usage_error(self, "kill: what is '%s'? A session is named by -s", argv[0]);
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_reply_ Reply *reply = NULL;
  Snapback__Control__KillRequest kill = SNAPBACK__CONTROL__KILL_REQUEST__INIT;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_KILL;
  request.kill = &kill;
  if (connection_open(session, &c, &e) || connection_call(c, &request, &reply, &e))
    return command_failed(&e);
  connection_wait_end(c);
  return EXIT_OK;
}

const struct command command_kill = {
    .name = "kill",
    .usage = "[-s SESSION]",
    .summary = "End a session and everything in it",
    .help =
        "The program, or the debugger, is ended by SIGKILL; its snapshots go too. Returns when the session is gone.\n\n"
        "  -s, --session SESSION  a session's name or socket\n",
    .run = run,
};
