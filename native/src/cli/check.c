// SPDX-License-Identifier: EPL-2.0
// `snapback check`: what this kernel offers.
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/table.h"
#include "kernel/features.h"

struct finding {
  const struct feature *feature;
  bool available;
  char detail[512];
};

static void print_json(const struct finding *f, bool first) {
  (void)printf("%s{\"name\": \"%s\", \"available\": %s, \"needed\": %s, \"purpose\": ", first ? "" : ", ",
               f->feature->name, f->available ? "true" : "false", f->feature->needed ? "true" : "false");
  json_string(stdout, f->feature->purpose);
  (void)fputs(", \"instead\": ", stdout);
  json_string(stdout, f->feature->instead);
  (void)fputs(", \"detail\": ", stdout);
  json_string(stdout, f->detail);
  (void)fputc('}', stdout);
}

static void print_table(const struct finding *findings) {
  struct table t = {.columns = 3};
  for (size_t i = 0; i < feature_count; i++) {
    const struct finding *f = &findings[i];
    table_add(&t, must_strdup(f->available ? "yes" : "no"));
    table_add(&t, must_strdup(f->feature->name));
    table_add(&t, must_format("%s%s%s%s%s%s", f->feature->purpose,
                              f->available ? "" : "; instead: ", f->available ? "" : f->feature->instead,
                              f->detail[0] ? " (" : "", f->detail, f->detail[0] ? ")" : ""));
  }
  table_print(&t);
  table_done(&t);
}

// The first thing missing that nothing works without, as the one sentence of an error.
static int verdict(const struct finding *findings) {
  for (size_t i = 0; i < feature_count; i++) {
    const struct finding *f = &findings[i];
    if (f->available || !f->feature->needed)
      continue;
    (void)fflush(stdout);
    (void)fprintf(stderr, "snapback: sessions cannot be made here (%s): %s\n", f->feature->name,
                  f->detail[0] ? f->detail : f->feature->purpose);
    return EXIT_ERROR;
  }
  return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv) {
  bool json = false;
  const struct option_row rows[] = {{"json", 0, NULL, &json}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc > 0)
    return command_usage_error(self, "check: what is '%s'?", argv[0]);
  struct finding *findings = must_alloc(feature_count * sizeof *findings);
  for (size_t i = 0; i < feature_count; i++) {
    findings[i].feature = &features[i];
    findings[i].available = features[i].probe(findings[i].detail, sizeof findings[i].detail);
  }
  if (json) {
    (void)fputs("{\"features\": [", stdout);
    for (size_t i = 0; i < feature_count; i++)
      print_json(&findings[i], i == 0);
    (void)puts("]}");
  } else {
    print_table(findings);
  }
  r = verdict(findings);
  free(findings);
  return r;
}

const struct command command_check = {
    .name = "check",
    .usage = "[--json]",
    .summary = "Tell what this kernel offers for snapshots, and what is missing",
    .help = "Each feature is tried, not guessed: what it is for, whether it is there, what is used instead.\n"
            "Exit status: 0 when sessions can be made here, 2 with the reason when they cannot.\n\n"
            "      --json             as JSON\n",
    .run = run,
};
