// SPDX-License-Identifier: EPL-2.0
// `snapback verify`: whether images are whole.
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/image_words.h"

static int verify(const char *path, const char *folder) {
  _cleanup_image_ struct image *i = NULL;
  struct error e = {0};
  if (image_open_whole(path, folder, &i, &e) || image_verify(i, &e)) {
    (void)fflush(stdout);
    return command_failed(&e);
  }
  (void)printf("%s: whole\n", path);
  return EXIT_OK;
}

static int run(const struct command *self, int argc, char **argv) {
  const char *folder = NULL;
  const struct option_row rows[] = {{.name = "image-folder", .value = &folder}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc < 1)
    return command_usage_error(self, "verify: which image?");
  for (int n = 0; n < argc; n++)
    if (verify(argv[n], folder))
      r = EXIT_ERROR;
  return r;
}

const struct command command_verify = {
    .name = "verify",
    .usage = "[--image-folder FOLDER] IMAGE…",
    .summary = "Tell whether images are whole, with all that they build on",
    .help = "Reads every byte and compares the checksums. Exit status: 0 all are whole, 2 one is not.\n\n"
            "      --image-folder FOLDER  where else to look for the images that they build on\n",
    .run = run,
};
