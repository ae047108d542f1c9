// SPDX-License-Identifier: EPL-2.0
// `snapback detach`: lets a process go that has been attached to.
#include "cli/ask.h"

static int run(const struct command *self, int argc, char **argv) {
  Snapback__Control__DetachRequest detach = SNAPBACK__CONTROL__DETACH_REQUEST__INIT;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_DETACH;
  request.detach = &detach;
  return ask_for_end(self, argc, argv, &request);
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
