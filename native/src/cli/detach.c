// SPDX-License-Identifier: EPL-2.0
// `snapback detach`: lets a process go that has been attached to.
#include "cli/ask.h"

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL;
  const struct option_row rows[] = {{"session", 's', &session, NULL}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc > 0)
    return command_usage_error(self, "detach: what is '%s'? A session is named by -s", argv[0]);
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_reply_ Reply *reply = NULL;
  Snapback__Control__DetachRequest detach = SNAPBACK__CONTROL__DETACH_REQUEST__INIT;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_DETACH;
  request.detach = &detach;
  if (connection_open(session, &c, &e) || connection_call(c, &request, &reply, &e))
    return command_failed(&e);
  connection_wait_end(c);
  return EXIT_OK;
}

const struct command command_detach = {
    .name = "detach",
    .usage = "[-s SESSION]",
    .summary = "Let a process go that was attached to; it runs on",
    .help = "Its session ends, and the live snapshots with it; images that are being written are finished first.\n"
            "Returns when nothing is left of it in the process.\n\n"
            "  -s, --session SESSION  a session's name or socket\n",
    .run = run,
};
