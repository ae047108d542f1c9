// SPDX-License-Identifier: EPL-2.0
// `snapback restart`: a program goes on from an image.
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/image_words.h"
#include "cli/options.h"
#include "session/debugger.h"
#include "session/restart.h"

enum { ENVIRONMENT_FILE_MAX = 1 << 20 };

struct order {
  const char *name, *control, *environment, *folder, *follow;
  unsigned long followed;  // a process number; 0: none
  const char *maps[OPTION_VALUES + 1];
  const char *ipc;
  bool stopped, files, force, rewinds_files, host_objects;
};

// OLD=NEW: two paths from the root. They are cut in place.
static int parse_maps(const struct command *self, struct order *o, struct path_change *changes, size_t *ret_count) {
  for (*ret_count = 0; o->maps[*ret_count]; ++*ret_count) {
    const char *map = o->maps[*ret_count];
    char *equals = strchr(map, '=');
    if (!equals || map[0] != '/' || equals[1] != '/')
      return command_usage_error(self, "restart: '%s' is not of the form /OLD=/NEW", map);
    *equals = 0;
    for (char *end = equals + strlen(equals + 1); end > equals + 1 && *end == '/'; end--)
      *end = 0;
    changes[*ret_count] = (struct path_change){map, equals + 1};
  }
  return 0;
}

static int read_environment(const char *path, char **ret, struct error *e) {
  int r = path ? file_read(path, ENVIRONMENT_FILE_MAX, ret, NULL) : 0;
  return r < 0 ? error_set_errno(e, r, "cannot read the environment file %s", path) : 0;
}

static char **command_of(const Snapback__Image__Image *m) {
  char **command = must_alloc((m->n_command + 2) * sizeof *command);
  for (size_t i = 0; i < m->n_command; i++)
    command[i] = m->command[i];
  if (!m->n_command)
    command[0] = (char *)"program";
  return command;
}

static bool holds_debugger(const Snapback__Image__Image *m) {
  for (size_t i = 0; i < m->n_process; i++)
    if (m->process[i]->is_debugger)
      return true;
  return false;
}

// A debugger comes back with its program, unless that is to be left stopped for another one.
static int run_session(const struct order *o, struct restart_order *restart, struct error *e) {
  _cleanup_free_ char **command = command_of(image_metadata(restart->image));
  struct session_options options = {
      .name = o->name,
      .base = command[0],
      .control = o->control,
      .command = command,
      .rewinds_files = o->rewinds_files,
      .host_objects = o->host_objects,
      .follow = (pid_t)o->followed,
      .kind_options = restart,
  };
  struct debugger_options debugger = {.path = command[0], .has_python = true, .image = restart, .is_in_image = true};
  if (o->stopped || !holds_debugger(image_metadata(restart->image)))
    return session_run(&program_kind, &options, e);
  options.kind_options = &debugger;
  return session_run(&debugger_kind, &options, e);
}

static int restart_image(const char *path, const struct order *o, struct restart_order *restart, struct error *e) {
  _cleanup_image_ struct image *image = NULL;
  if (image_open_whole(path, o->folder, &image, e) < 0)
    return EXIT_ERROR;
  restart->image = image;
  return run_session(o, restart, e);
}

static int run(const struct command *self, int argc, char **argv) {
  struct order o = {0};
  const struct option_row rows[] = {
      {"name", 'n', &o.name, NULL},
      {"control", 0, &o.control, NULL},
      {"env-file", 0, &o.environment, NULL},
      {"map-path", OPTION_REPEATS, o.maps, NULL},
      {"image-folder", 0, &o.folder, NULL},
      {"stopped", 0, NULL, &o.stopped},
      {"files", 0, NULL, &o.files},
      {"force", 0, NULL, &o.force},
      {"rewind-files", 0, NULL, &o.rewinds_files},
      {"follow", 0, &o.follow, NULL},
      {"ipc", 0, &o.ipc, NULL},
      {0},
  };
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r)
    return r;
  if (argc != 1)
    return command_usage_error(self, argc ? "restart: one image, please" : "restart: which image?");
  if (o.follow && (command_number(o.follow, INT_MAX, &o.followed) < 0 || !o.followed))
    return command_usage_error(self, "restart: '%s' is not a process number", o.follow);
  if ((r = command_ipc_policy(self, o.ipc, &o.host_objects)))
    return r;
  struct path_change changes[OPTION_VALUES];
  size_t paths;
  if ((r = parse_maps(self, &o, changes, &paths)))
    return r;
  struct error e = {0};
  _cleanup_free_ char *environment = NULL;
  if (read_environment(o.environment, &environment, &e) < 0)
    return command_failed(&e);
  struct restart_order restart = {.options = {.path = changes,
                                              .paths = paths,
                                              .environment = environment,
                                              .files = o.files,
                                              .force = o.force,
                                              .stopped = o.stopped}};
  r = restart_image(argv[0], &o, &restart, &e);
  if (e.code)
    (void)command_failed(&e);
  return r;
}

const struct command command_restart = {
    .name = "restart",
    .usage = "[--name NAME] [--control SOCKET] [--follow PID] [--stopped] [--env-file FILE] [--map-path /OLD=/NEW]… "
             "[--image-folder "
             "FOLDER] [--files] [--rewind-files] [--ipc own|host] [--force] IMAGE",
    .summary = "Let a program go on from an image",
    .help =
        "The program goes on where the snapshot was taken, in a session of its own, under its old process numbers.\n"
        "What it had of its caller (terminal, standard input, output and error) is now this command's.\n\n"
        "  -n, --name NAME          the session's name; else PROGRAM-1, PROGRAM-2…\n"
        "      --control SOCKET     put the control socket exactly there\n"
        "      --follow PID         end the session when that process ends (a front-end, say)\n"
        "      --stopped            leave the program stopped, and print its process number: for a debugger to attach\n"
        "      --env-file FILE      lines NAME=VALUE replace values of its environment, where they are not longer\n"
        "      --map-path /OLD=/NEW files that were in the folder OLD are in NEW now; may be given several times\n"
        "      --image-folder FOLDER look there, too, for images on which this one builds\n"
        "      --files              put the contents of open files back, as far as the image holds them\n"
        "      --rewind-files       as launch --files=rewind: later rewinds give the files that the program writes "
        "back\n"
        "                           what was in them\n"
        "      --ipc own|host       as launch --ipc\n"
        "      --force              go on although open files have changed since\n\n"
        "Exit status: the program's own (of a signal: that signal); 2 when it could not be restarted: then nothing\n"
        "has been started.\n",
    .run = run,
};
