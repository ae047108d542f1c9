// SPDX-License-Identifier: EPL-2.0
// `snapback rewind`: puts a session back to one of its snapshots.
#include <inttypes.h>
#include <stdio.h>

#include "cli/ask.h"

static void print(const Snapback__Control__RewindReport *m) {
  uint64_t pages = m->pages_copied + m->pages_dropped;
  (void)printf("rewound to snapshot %" PRIu64 " in %.1f ms: %" PRIu64 " page%s put back\n", m->snapshot,
               (double)m->duration_us / 1000, pages, pages == 1 ? "" : "s");
  for (size_t i = 0; i < m->n_note; i++)
    (void)printf("note: %s\n", m->note[i]);
}

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL;
  bool with_debugger = false;
  const struct option_row rows[] = {{"session", 's', &session, NULL}, {"with-debugger", 0, NULL, &with_debugger}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc > 1)
    return command_usage_error(self, "rewind: one snapshot only");
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_reply_ Reply *reply = NULL;
  Snapback__Control__RewindRequest rewind = SNAPBACK__CONTROL__REWIND_REQUEST__INIT;
  rewind.with_debugger = with_debugger;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_REWIND;
  request.rewind = &rewind;
  if (connection_open(session, &c, &e) || (argc == 1 && ask_snapshot(c, argv[0], &rewind.snapshot, &e)) ||
      connection_call(c, &request, &reply, &e))
    return command_failed(&e);
  print(reply->rewind);
  return EXIT_OK;
}

const struct command command_rewind = {
    .name = "rewind",
    .usage = "[-s SESSION] [ID|NAME] [--with-debugger]",
    .summary = "Put a session back to a snapshot",
    .help = "Without a snapshot, to the last one taken. The snapshot is kept: it can be gone back to again.\n\n"
            "  -s, --session SESSION  a session's name or socket\n"
            "      --with-debugger    take the debugger back too: its breakpoints, history and variables\n",
    .run = run,
};
