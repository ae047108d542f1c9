// SPDX-License-Identifier: EPL-2.0
// `snapback-faults fault-points`: the names of the points that SNAPBACK_FAULT can make fail; only in the tests'
// program.
#include "cli/command.h"

#ifdef SNAPBACK_FAULTS
#include <stdio.h>

#include "base/fault.h"

static int run(const struct command *self, int argc, char **argv) {
  if (argc > 1)
    return command_usage_error(self, "fault-points: what is '%s'?", argv[1]);
  for (int point = 0; point < FAULT_COUNT; point++)
    (void)puts(fault_name((enum fault_point)point));
  return EXIT_OK;
}

const struct command command_fault_points = {
    .name = "fault-points",
    .usage = "",
    .summary = "List the steps that a test can make fail",
    .help =
        "SNAPBACK_FAULT=NAME[:COUNT] in a session's environment makes the COUNT-th passage of that step fail, once.\n",
    .run = run,
};
#endif
