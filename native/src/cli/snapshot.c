// SPDX-License-Identifier: EPL-2.0
// `snapback snapshot`: takes one.
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/ask.h"
#include "cli/save.h"

static int take(struct connection *c, const char *name, uint64_t *ret_id, struct error *e) {
  _cleanup_reply_ Reply *reply = NULL;
  Snapback__Control__TakeRequest take = SNAPBACK__CONTROL__TAKE_REQUEST__INIT;
  take.name = (char *)name;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_TAKE;
  request.take = &take;
  if (connection_call(c, &request, &reply, e))
    return -1;
  *ret_id = reply->snapshot->id;
  (void)printf("%" PRIu64 "\n", *ret_id);
  return fflush(stdout) ? error_set(e, ERROR_FAILED, "cannot print the number of snapshot %" PRIu64, *ret_id) : 0;
}

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL, *name = "";
  bool saves = false;
  struct save_words words = {0};
  const struct option_row rows[] = {
      {"session", 's', &session, NULL},
      {"name", 'n', &name, NULL},
      {"save", 0, NULL, &saves},
      SAVE_OPTION_ROWS(words),
      {0},
  };
  SaveRequest save = SNAPBACK__CONTROL__SAVE_REQUEST__INIT;
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r || (r = save_options_fill(self, &words, &save)))
    return r;
  if (argc > 0)
    return command_usage_error(self, "snapshot: what is '%s'? A name is given by --name", argv[0]);
  if (!saves && (words.output || words.compress || words.files || words.full || words.with_debugger))
    return command_usage_error(self, "snapshot: this option is for --save only");
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_free_ char *path = save.path = save_path(words.output);
  if (connection_open(session, &c, &e) || take(c, name, &save.snapshot, &e) || (saves && save_and_report(c, &save, &e)))
    return command_failed(&e);
  return EXIT_OK;
}

const struct command command_snapshot = {
    .name = "snapshot",
    .usage = "[-s SESSION] [--name TEXT] [--save [-o FILE|FOLDER] [--files] [--full] [--with-debugger] "
             "[--compress none|zstd]]",
    .summary = "Take a snapshot of a session",
    .help = "Prints the number of the new snapshot. The program stands still for a few milliseconds and goes on.\n\n"
            "  -s, --session SESSION  a session's name or socket\n"
            "  -n, --name TEXT        a name for the snapshot\n"
            "      --save             save it to an image file, too, and print path and size; -o, --files, --full and\n"
            "                         --compress are those of 'snapback save'\n",
    .run = run,
};
