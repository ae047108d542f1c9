// SPDX-License-Identifier: EPL-2.0
// `snapback help`: the commands, or one of them.
#include <stdio.h>

#include "cli/command.h"

static int help_all(void) {
  (void)printf("snapback %s - run programs under checkpoint control, and go back\n\n"
               "usage: snapback COMMAND ARGUMENTS…\n\n",
               SNAPBACK_VERSION);
  for (const struct command *const *c = commands; *c; c++)
    (void)printf("  %-9s %s\n", (*c)->name, (*c)->summary);
  (void)printf(
      "\n'snapback help COMMAND' tells more. -s SESSION names a session or the path of its socket, and may be\n"
      "left out when there is one session only. Exit status: 0 done, 1 wrong usage, 2 failed.\n");
  return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv) {
  if (argc < 2)
    return help_all();
  if (argc > 2)
    return command_usage_error(self, "help takes one command");
  const struct command *c = command_find(argv[1]);
  if (!c)
    return command_usage_error(NULL, "there is no command '%s'", argv[1]);
  (void)printf("usage: snapback %s %s\n\n%s.\n\n%s", c->name, c->usage, c->summary, c->help);
  return EXIT_OK;
}

const struct command command_help = {
    .name = "help",
    .usage = "[COMMAND]",
    .summary = "Tell what the commands do",
    .help = "Without a command, lists all.\n",
    .run = run,
};
