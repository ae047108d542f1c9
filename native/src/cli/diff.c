// SPDX-License-Identifier: EPL-2.0
// `snapback diff`: what differs between two images.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/differences.h"
#include "cli/image_words.h"
#include "cli/json.h"
#include "cli/table.h"

enum { EXIT_SAME = 0, EXIT_DIFFERENT = 1 };

static char *text_of_what(const struct difference *d) {
  if (!d->end)
    return must_strdup(d->what);
  return must_format("%" PRIx64 "-%" PRIx64, d->start, d->end);
}

static char *text_of_side(const struct difference *d, const char *side) {
  if (!d->end)
    return must_strdup(side ? side : "none");
  uint64_t pages = (d->end - d->start) / IMAGE_PAGE;
  return must_format("%" PRIu64 " page%s of %s", pages, pages == 1 ? "" : "s", *d->what ? d->what : "private memory");
}

static void print_text(const struct differences *d) {
  static const char *const titles[] = {"PROCESS", "KIND", "WHAT", "A", "B"};
  struct table t = {.columns = 5, .right = {true}};
  for (unsigned n = 0; n < t.columns; n++)
    table_add(&t, must_strdup(titles[n]));
  for (size_t n = 0; n < d->count; n++) {
    const struct difference *x = &d->item[n];
    table_add(&t, must_format("%" PRId32, x->process));
    table_add(&t, must_strdup(x->kind));
    table_add(&t, text_of_what(x));
    table_add(&t, text_of_side(x, x->a));
    table_add(&t, x->end ? must_strdup("others") : text_of_side(x, x->b));
  }
  if (d->count)
    table_print(&t);
  table_done(&t);
}

static void put_side(const char *name, const char *text) {
  (void)printf(", \"%s\": ", name);
  if (text)
    json_string(stdout, text);
  else
    (void)fputs("null", stdout);
}

static void print_json(const struct differences *d) {
  (void)printf("{\"same\": %s, \"difference\": [", d->count ? "false" : "true");
  for (size_t n = 0; n < d->count; n++) {
    const struct difference *x = &d->item[n];
    (void)printf("%s{\"process\": %" PRId32 ", \"kind\": \"%s\", \"what\": ", n ? ", " : "", x->process, x->kind);
    json_string(stdout, x->what);
    if (x->end) {
      (void)printf(", \"start\": %" PRIu64 ", \"end\": %" PRIu64 "}", x->start, x->end);
      continue;
    }
    put_side("a", x->a);
    put_side("b", x->b);
    (void)fputc('}', stdout);
  }
  (void)puts("]}");
}

// A wrong usage must not look like a difference.
static int run(const struct command *self, int argc, char **argv) {
  const char *folder = NULL;
  bool json = false;
  const struct option_row rows[] = {{.name = "json", .flag = &json}, {.name = "image-folder", .value = &folder}, {0}};
  if (options_parse(self, rows, true, &argc, &argv))
    return EXIT_ERROR;
  if (argc != 2) {
    (void)command_usage_error(self, "diff takes two images");
    return EXIT_ERROR;
  }
  _cleanup_image_ struct image *a = NULL;
  _cleanup_image_ struct image *b = NULL;
  struct differences d = {0};
  struct error e = {0};
  if (image_open_whole(argv[0], folder, &a, &e) || image_open_whole(argv[1], folder, &b, &e) ||
      differences_find(a, b, &d, &e)) {
    differences_done(&d);
    return command_failed(&e);
  }
  (json ? print_json : print_text)(&d);
  int r = d.count ? EXIT_DIFFERENT : EXIT_SAME;
  differences_done(&d);
  return r;
}

const struct command command_diff = {
    .name = "diff",
    .usage = "[--json] [--image-folder FOLDER] A B",
    .summary = "Tell what differs between two images",
    .help = "Processes and threads by their numbers: mappings, pages, registers, descriptors. A page of a mapped file\n"
            "that one image holds and the other does not counts as different.\n"
            "Exit status, as that of diff(1): 0 they are the same, 1 they differ, 2 wrong usage or an error.\n\n"
            "      --json                 as JSON\n"
            "      --image-folder FOLDER  where else to look for the images that they build on\n",
    .run = run,
};
