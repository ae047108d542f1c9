// SPDX-License-Identifier: EPL-2.0
// `snapback delete`: lets snapshots go.
#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/ask.h"

static int find_all(struct connection *c, char **names, int count, uint64_t *ids, struct error *e) {
  for (int i = 0; i < count; i++)
    if (ask_snapshot(c, names[i], &ids[i], e))
      return -1;
  return 0;
}

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL;
  bool all = false, images = false;
  const struct option_row rows[] = {
      {"session", 's', &session, NULL}, {"all", 0, NULL, &all}, {"images", 0, NULL, &images}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (all ? argc > 0 : argc == 0)
    return command_usage_error(self, "delete: name snapshots, or --all");
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_reply_ Reply *reply = NULL;
  _cleanup_free_ uint64_t *ids = must_alloc((size_t)argc * sizeof *ids);
  Snapback__Control__DeleteRequest delete = SNAPBACK__CONTROL__DELETE_REQUEST__INIT;
  delete.all = all;
  delete.images = images;
  delete.snapshot = ids;
  delete.n_snapshot = (size_t)argc;
  Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_DELETE;
  request.delete_ = &delete;
  if (connection_open(session, &c, &e) || find_all(c, argv, argc, ids, &e) || connection_call(c, &request, &reply, &e))
    return command_failed(&e);
  return EXIT_OK;
}

const struct command command_delete = {
    .name = "delete",
    .usage = "[-s SESSION] [--images] ID|NAME… | --all",
    .summary = "Delete snapshots",
    .help = "Frees their memory. When one of them does not exist, none is deleted.\n\n"
            "  -s, --session SESSION  a session's name or socket\n"
            "      --all              all of the session\n"
            "      --images           remove the image files that they were saved to, too\n",
    .run = run,
};
