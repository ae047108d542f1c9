// SPDX-License-Identifier: EPL-2.0
// `snapback kill`: ends a session.
#include "cli/ask.h"

static int run(const struct command *self, int argc, char **argv) {
  Snapback__Control__KillRequest kill = SNAPBACK__CONTROL__KILL_REQUEST__INIT;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_KILL;
  request.kill = &kill;
  return ask_for_end(self, argc, argv, &request);
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
