// SPDX-License-Identifier: EPL-2.0
// `snapback inspect`: what an image holds.
#include "cli/inspect.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/image_words.h"

const Snapback__Image__OpenFile *open_file_of(const Snapback__Image__Image *m, uint32_t id) {
  for (size_t n = 0; n < m->n_open_file; n++)
    if (m->open_file[n]->id == id)
      return m->open_file[n];
  return NULL;
}

static char *text_of_outside(const Snapback__Image__OpenFile *f) {
  static const char *const streams[] = {"standard input", "standard output", "standard error"};
  return must_format("%s of whoever restarts it",
                     f->outside_number >= 0 && f->outside_number < 3 ? streams[f->outside_number] : "nothing");
}

static char *text_of_pty(const Snapback__Image__OpenFile *f) {
  return must_format("/dev/pts/%" PRIu32 "%s", f->pty, f->hung_up ? ", hung up" : "");
}

char *text_of_open_file(const Snapback__Image__OpenFile *f) {
  _cleanup_free_ char *path = text_shown(f->file ? f->file->path : "");
  switch (f->kind) {
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_FILE:
    return must_format("%s at %" PRId64 "%s", path, f->position, f->file && f->file->deleted ? " (deleted)" : "");
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PIPE:
    return must_format("pipe %" PRIu32, f->pipe);
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_EVENTFD:
    return must_format("count %" PRIu64 "%s", f->count, f->semaphore ? ", semaphore" : "");
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_TIMERFD:
    return must_format("%" PRIu64 " ns left, every %" PRIu64 " ns, %" PRIu64 " not read", f->timer->value_ns,
                       f->timer->interval_ns, f->count);
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_SIGNALFD:
    return must_format("signals %#" PRIx64, f->signals);
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_SOCKET:
    return text_of_socket(f->socket);
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_EPOLL:
    return must_format("watches %zu", f->n_watch);
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_SHARED_OBJECT:
    return must_format("object %" PRIu32 " at %" PRId64, f->shared_object, f->position);
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_OUTSIDE:
    return text_of_outside(f);
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_INOTIFY:
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_FANOTIFY:
    return must_format("watches %zu", f->n_file_watch);
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PIDFD:
    return f->process < 0 ? must_strdup("of a process that had ended") : must_format("process %" PRId32, f->process);
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PTY_MASTER:
  case SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PTY_SLAVE:
    return text_of_pty(f);
  default:
    return must_strdup(path);
  }
}

static int run(const struct command *self, int argc, char **argv) {
  bool json = false, graph = false;
  const char *folder = NULL;
  const struct option_row rows[] = {{.name = "json", .flag = &json},
                                    {.name = "graph", .flag = &graph},
                                    {.name = "image-folder", .value = &folder},
                                    {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc != 1)
    return command_usage_error(self, "inspect takes one image");
  if (json && graph)
    return command_usage_error(self, "inspect: --json and --graph are two forms, ask for one");
  _cleanup_image_ struct image *i = NULL;
  struct error e = {0};
  if (image_open(argv[0], &i, &e))
    return command_failed(&e);
  // What an image says of itself can be told without those that it builds on.
  if (folder && image_open_ancestors(i, folder, &e))
    return command_failed(&e);
  (json ? inspect_as_json : graph ? inspect_as_graph : inspect_as_text)(i);
  return EXIT_OK;
}

const struct command command_inspect = {
    .name = "inspect",
    .usage = "[--json|--graph] [--image-folder FOLDER] IMAGE",
    .summary = "Tell what an image holds: processes, threads, memory, descriptors",
    .help = "Functions are named where the mapped file is on this machine and has symbols.\n\n"
            "      --json                 as JSON, with the fields of the image's schema, and bytes in base64\n"
            "      --graph                processes, what they share, and older images, for Graphviz (dot)\n"
            "      --image-folder FOLDER  check that the images that it builds on are there, or in this folder\n",
    .run = run,
};
