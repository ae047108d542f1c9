// SPDX-License-Identifier: EPL-2.0
// `snapback status`: what a session is doing.
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/ask.h"
#include "cli/json.h"
#include "cli/words.h"

static char *text_of_process(const Snapback__Control__Status *s) {
  if (!s->program_pid)
    return must_strdup("none");
  if (s->program_pid == s->program_host_pid)
    return must_format("%" PRId32 "%s", s->program_pid, s->attached ? " (attached)" : "");
  return must_format("%" PRId32 " (%" PRId32 " outside)", s->program_pid, s->program_host_pid);
}

static void print(const Snapback__Control__Status *s, const char *socket) {
  _cleanup_free_ char *command = words_of_command(s), *program = text_of_process(s);
  _cleanup_free_ char *started = text_of_time(s->started_ms), *memory = text_of_bytes(s->template_bytes);
  (void)printf("session     %s\n", s->name);
  (void)printf("state       %s\n", word_of_state(s->state));
  (void)printf("command     %s\n", command);
  (void)printf("folder      %s\n", s->working_directory);
  (void)printf("program     %s\n", program);
  if (s->debugger_pid)
    (void)printf("debugger    %" PRId32 "\n", s->debugger_pid);
  (void)printf("supervisor  %" PRId32 " outside\n", s->supervisor_pid);
  (void)printf("started     %s\n", started);
  (void)printf("snapshots   %" PRIu32 ", %s\n", s->snapshots, memory);
  if (s->current_snapshot)
    (void)printf("at          snapshot %" PRIu64 "\n", s->current_snapshot);
  if (s->kind == SNAPBACK__CONTROL__SESSION_KIND__SESSION_KIND_DEBUGGER)
    (void)printf("automatic   %s, at most %" PRIu32 "\n", s->auto_->enabled ? "on" : "off", s->auto_->cap);
  (void)printf("socket      %s\n", socket);
}

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL;
  bool json = false;
  const struct option_row rows[] = {{"session", 's', &session, NULL}, {"json", 0, NULL, &json}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc > 0)
    return command_usage_error(self, "status: what is '%s'?", argv[0]);
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_reply_ Reply *reply = NULL;
  if (connection_open(session, &c, &e) || ask_status(c, &reply, &e))
    return command_failed(&e);
  if (json) {
    json_message(stdout, &reply->status->base);
    (void)puts("");
  } else {
    print(reply->status, connection_path(c));
  }
  return EXIT_OK;
}

const struct command command_status = {
    .name = "status",
    .usage = "[-s SESSION] [--json]",
    .summary = "Tell what a session is doing",
    .help = "  -s, --session SESSION  a session's name or socket\n"
            "      --json             as JSON, with the fields of the control protocol\n",
    .run = run,
};
