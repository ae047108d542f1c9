// SPDX-License-Identifier: EPL-2.0
// `snapback launch`: runs a program under checkpoint control.
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "cli/command.h"
#include "cli/options.h"
#include "session/session.h"

enum { INTERVAL_MAX_S = 7 * 24 * 3600, KEEP_MAX = 1000000 };

// What was said about images.
struct image_words {
  const char *interval, *folder, *keep;
  bool exits;
};

static int fill_images(const struct command *self, const struct image_words *words, struct image_settings *ret) {
  unsigned long interval = 0, keep = 0;
  if (words->interval && (command_number(words->interval, INTERVAL_MAX_S, &interval) < 0 || !interval))
    return command_usage_error(self, "launch: '%s' is no number of seconds between 1 and %d", words->interval,
                               INTERVAL_MAX_S);
  if (words->keep && (command_number(words->keep, KEEP_MAX, &keep) < 0 || !keep))
    return command_usage_error(self, "launch: '%s' is no number of images to keep", words->keep);
  if (words->keep && !words->interval)
    return command_usage_error(self, "launch: --keep is for the images of --interval");
  _cleanup_free_ char *folder = words->folder ? realpath(words->folder, NULL) : NULL;
  if (words->folder && !folder)
    return command_usage_error(self, "launch: there is no folder %s for the images", words->folder);
  *ret = (struct image_settings){.folder = pointer_take(folder),
                                 .interval_ms = (unsigned)interval * 1000,
                                 .keep = (unsigned)keep,
                                 .exit_after_save = words->exits};
  return 0;
}

static int run(const struct command *self, int argc, char **argv) {
  struct session_options options = {0};
  struct image_words images = {0};
  const char *follow = NULL, *files = NULL, *ipc = NULL;
  const struct option_row rows[] = {
      {"name", 'n', &options.name, NULL},
      {"control", 0, &options.control, NULL},
      {"follow", 0, &follow, NULL},
      {"files", 0, &files, NULL},
      {"ipc", 0, &ipc, NULL},
      {"interval", 0, &images.interval, NULL},
      {"image-folder", 0, &images.folder, NULL},
      {"keep", 0, &images.keep, NULL},
      {"exit-after-save", 0, NULL, &images.exits},
      {0},
  };
  int r = options_parse(self, rows, false, &argc, &argv);
  if (r || (r = fill_images(self, &images, &options.images)) ||
      (r = command_files_policy(self, files, &options.rewinds_files)) ||
      (r = command_ipc_policy(self, ipc, &options.host_objects)))
    return r;
  if (argc < 1 || !argv[0][0])
    return command_usage_error(self, "launch: which program?");
  unsigned long pid = 0;
  if (follow && (command_number(follow, INT_MAX, &pid) < 0 || !pid))
    return command_usage_error(self, "launch: '%s' is not a process number", follow);
  options.follow = (pid_t)pid;
  options.base = argv[0];
  options.command = argv;
  struct error e = {0};
  r = session_run(&program_kind, &options, &e);
  if (e.code)
    (void)command_failed(&e);
  return r;
}

const struct command command_launch = {
    .name = "launch",
    .usage = "[--name NAME] [--control SOCKET] [--follow PID] [--files keep|rewind] [--ipc own|host] [--image-folder "
             "FOLDER] "
             "[--interval SECONDS [--keep N]] "
             "[--exit-after-save] -- PROGRAM ARGUMENTS…",
    .summary = "Run a program under checkpoint control",
    .help =
        "The program runs as it always does, on this terminal and with these descriptors; nothing is loaded into it.\n"
        "It has process numbers of its own, and sudo or other setuid programs give it no rights.\n"
        "The session ends with the program, and with it all that the program has left running.\n\n"
        "  -n, --name NAME       the session's name; else PROGRAM-1, PROGRAM-2…\n"
        "      --control SOCKET  put the control socket exactly there\n"
        "      --follow PID      end the session when that process ends (a front-end, say)\n"
        "      --files keep|rewind    what a rewind does to the files that the program writes: they stay as they are\n"
        "                             (keep), or get back what was in them at the snapshot (rewind)\n"
        "      --ipc own|host    System V objects and POSIX message queues are the session's own and belong to its\n"
        "                        snapshots (own), or those of the host (host): to share memory with its programs\n"
        "      --image-folder FOLDER  images go there, unless a path is given; else to the current folder\n"
        "      --interval SECONDS     save a snapshot so often; the live one goes when it is saved\n"
        "      --keep N               of these images the newest N stay, and those that they build on\n"
        "      --exit-after-save      end the program and the session when a snapshot has been saved; exit status 0\n\n"
        "Exit status: the program's own (of a signal: that signal); 127 not found, 126 not executable,\n"
        "2 when the session could not be made.\n",
    .run = run,
};
