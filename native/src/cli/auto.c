// SPDX-License-Identifier: EPL-2.0
// `snapback auto`: snapshots at every stop of the debugger.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"

static int fill(const struct command *self, int argc, char **argv, const char *cap, Snapback__Control__AutoRequest *m) {
  unsigned long number;
  bool on = argc == 1 && strcmp(argv[0], "on") == 0, off = argc == 1 && strcmp(argv[0], "off") == 0;
  if (argc > 1 || (argc == 1 && !on && !off) || (argc == 0 && !cap))
    return command_usage_error(self, "auto: on or off?");
  if (cap && command_number(cap, UINT32_MAX, &number) < 0)
    return command_usage_error(self, "auto: the cap '%s' is not a number", cap);
  if (argc == 1) {
    m->set_enabled_case = SNAPBACK__CONTROL__AUTO_REQUEST__SET_ENABLED_ENABLED;
    m->enabled = on;
  }
  if (cap) {
    m->set_cap_case = SNAPBACK__CONTROL__AUTO_REQUEST__SET_CAP_CAP;
    m->cap = (uint32_t)number;
  }
  return 0;
}

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL, *cap = NULL;
  const struct option_row rows[] = {{"session", 's', &session, NULL}, {"cap", 0, &cap, NULL}, {0}};
  Snapback__Control__AutoRequest autos = SNAPBACK__CONTROL__AUTO_REQUEST__INIT;
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r == 0)
    r = fill(self, argc, argv, cap, &autos);
  if (r)
    return r;
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_reply_ Reply *reply = NULL;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_AUTO;
  request.auto_ = &autos;
  if (connection_open(session, &c, &e) || connection_call(c, &request, &reply, &e))
    return command_failed(&e);
  (void)printf("automatic snapshots: %s, at most %" PRIu32 "\n", reply->auto_->enabled ? "on" : "off",
               reply->auto_->cap);
  return EXIT_OK;
}

const struct command command_auto = {
    .name = "auto",
    .usage = "[-s SESSION] on|off [--cap N]",
    .summary = "Take a snapshot at every stop of the debugger, or not",
    .help = "The oldest unnamed automatic snapshots go when there are more than the cap.\n\n"
            "  -s, --session SESSION  a session's name or socket\n"
            "      --cap N            keep at most so many\n",
    .run = run,
};
