// SPDX-License-Identifier: EPL-2.0
// `snapback list`: the snapshots of a session.
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/ask.h"
#include "cli/json.h"
#include "cli/table.h"

// "transfer at bank.c:41 (breakpoint 1)", "0x55d0c0de1000 (running)"
static char *text_of_place(const Snapback__Control__Place *p) {
  _cleanup_free_ char *line = p->file[0] ? must_format(" at %s:%" PRIu32, p->file, p->line) : must_strdup("");
  _cleanup_free_ char *where = p->function[0] ? must_format("%s%s", p->function, line)
                               : p->file[0]   ? must_strdup(line + 4)
                                              : must_format("0x%" PRIx64, p->pc);
  return p->reason[0] ? must_format("%s (%s)", where, p->reason) : must_strdup(where);
}

static void add_row(struct table *t, const Snapback__Control__Snapshot *s, bool current) {
  table_add(t, must_strdup(current ? "*" : " "));
  table_add(t, must_format("%" PRIu64, s->id));
  table_add(t, must_strdup(s->name[0] ? s->name : s->automatic ? "(automatic)" : "-"));
  table_add(t, text_of_time(s->taken_ms));
  table_add(t, must_format("%" PRIu32, s->threads));
  table_add(t, text_of_bytes(s->memory_bytes));
  table_add(t, s->saving ? must_strdup("(saving)") : s->image[0] ? text_of_bytes(s->saved_bytes) : must_strdup("-"));
  table_add(t, s->place ? text_of_place(s->place) : must_strdup(""));
}

static void print(const Snapback__Control__SnapshotList *list) {
  static const char *const titles[] = {" ", "ID", "NAME", "TAKEN", "THREADS", "MEMORY", "SAVED", "PLACE"};
  struct table t = {.columns = 8, .right = {[1] = true, [4] = true, [5] = true, [6] = true}};
  for (unsigned i = 0; i < 8; i++)
    table_add(&t, must_strdup(titles[i]));
  for (size_t i = 0; i < list->n_snapshot; i++)
    add_row(&t, list->snapshot[i], list->snapshot[i]->id == list->current_snapshot);
  table_print(&t);
  table_done(&t);
}

static int run(const struct command *self, int argc, char **argv) {
  const char *session = NULL;
  bool json = false;
  const struct option_row rows[] = {{"session", 's', &session, NULL}, {"json", 0, NULL, &json}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc > 0)
    return command_usage_error(self, "list: what is '%s'?", argv[0]);
  struct error e = {0};
  _cleanup_connection_ struct connection *c = NULL;
  _cleanup_reply_ Reply *reply = NULL;
  if (connection_open(session, &c, &e) || ask_list(c, true, &reply, &e))
    return command_failed(&e);
  if (json) {
    json_message(stdout, &reply->list->base);
    (void)puts("");
  } else if (reply->list->n_snapshot) {
    print(reply->list);
  }
  return EXIT_OK;
}

const struct command command_list = {
    .name = "list",
    .usage = "[-s SESSION] [--json]",
    .summary = "List the snapshots of a session",
    .help = "In the order taken; * marks the one that the present descends from. SAVED is the size of the image file;\n"
            "--json tells where it is.\n\n"
            "  -s, --session SESSION  a session's name or socket\n"
            "      --json             as JSON, with the fields of the control protocol\n",
    .run = run,
};
