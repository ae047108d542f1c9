// SPDX-License-Identifier: EPL-2.0
// `snapback gdb`: gdb as it always is, with snapshots of what it debugs.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/image_words.h"
#include "session/debugger.h"
#include "session/restart.h"
#include "session/session.h"

struct wishes {
  const char *gdb, *control, *name, *cap, *follow, *image, *folder, *files, *ipc;
  bool automatic, force, on_host;
};

// Our options come first; the first argument that is none of them is gdb's.
static int parse(const struct command *self, struct wishes *w, int *argc, char ***argv) {
  const struct {
    const char *name;
    const char **value;
  } rows[] = {
      {"--gdb", &w->gdb},       {"--control", &w->control}, {"--name", &w->name},           {"--auto-cap", &w->cap},
      {"--follow", &w->follow}, {"--image", &w->image},     {"--image-folder", &w->folder}, {"--files", &w->files},
      {"--ipc", &w->ipc}};
  for (--*argc, ++*argv; *argc; --*argc, ++*argv) {
    const char *argument = **argv;
    if (strcmp(argument, "--auto") == 0) {
      w->automatic = true;
      continue;
    }
    if (strcmp(argument, "--force") == 0) {
      w->force = true;
      continue;
    }
    if (strcmp(argument, "--host-pids") == 0) {
      w->on_host = true;
      continue;
    }
    size_t i = 0, length = 0;
    for (; i < sizeof rows / sizeof *rows; i++) {
      length = strlen(rows[i].name);
      if (strncmp(argument, rows[i].name, length) == 0 && (!argument[length] || argument[length] == '='))
        break;
    }
    if (i == sizeof rows / sizeof *rows)
      break;
    if (!argument[length] && *argc < 2)
      return command_usage_error(self, "gdb: %s needs a value", argument);
    *rows[i].value = argument[length] ? argument + length + 1 : (--*argc, *++*argv);
  }
  if (*argc && strcmp(**argv, "--") == 0)
    --*argc, ++*argv;
  return 0;
}

// gdb answers these and ends: there is nothing to make a session for, and nothing is to be added to its words.
static bool needs_no_session(int argc, char **argv) {
  static const char *const alone[] = {"version", "v", "help", "h", "configuration"};
  for (int i = 0; i < argc && argv[i][0] == '-'; i++) {
    const char *option = argv[i] + (argv[i][1] == '-' ? 2 : 1);
    if (strcmp(option, "args") == 0)
      return false;
    for (size_t k = 0; k < sizeof alone / sizeof *alone; k++)
      if (strcmp(option, alone[k]) == 0)
        return true;
  }
  return false;
}

static int become(const char *gdb, char **argv) {
  argv[-1] = (char *)gdb;
  (void)execvp(gdb, argv - 1);
  struct error e = {0};
  if (errno == ENOENT)
    (void)error_set(&e, ERROR_FAILED, "cannot find %s: install gdb, or name one with --gdb PATH", gdb);
  else
    (void)error_set_errno(&e, -errno, "cannot run %s", gdb);
  int status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
  (void)command_failed(&e);
  return status;
}

// The program that gdb is to begin with.
static int open_image(const struct wishes *w, struct debugger_options *debugger, struct restart_order *ret,
                      struct error *e) {
  struct image *image;
  if (!debugger->has_python)
    return error_set(e, ERROR_REFUSED,
                     "%s was built without Python, through which it is led to the program of an image: name another "
                     "with --gdb PATH",
                     w->gdb);
  if (image_open_whole(w->image, w->folder, &image, e) < 0)
    return -1;
  ret->image = image;
  debugger->image = ret;
  return 0;
}

static int run(const struct command *self, int argc, char **argv) {
  struct wishes w = {.gdb = "gdb"};
  struct debugger_options debugger;
  struct error e = {0};
  unsigned long cap = 0;
  int r = parse(self, &w, &argc, &argv);
  if (r)
    return r;
  if (w.cap && (command_number(w.cap, AUTO_CAP_MAX, &cap) || !cap))
    return command_usage_error(self, "gdb: the cap '%s' is not a number of 1 to %d", w.cap, AUTO_CAP_MAX);
  bool rewinds_files = false, host_objects = false;
  if ((r = command_files_policy(self, w.files, &rewinds_files)) || (r = command_ipc_policy(self, w.ipc, &host_objects)))
    return r;
  unsigned long follow = 0;
  if (w.follow && (command_number(w.follow, INT_MAX, &follow) || !follow))
    return command_usage_error(self, "gdb: '%s' is not a process number", w.follow);
  if (needs_no_session(argc, argv))
    return become(w.gdb, argv);
  if (w.on_host && w.image)
    return command_usage_error(self, "gdb: the program of an image has numbers of its own; leave out --host-pids");
  if (debugger_probe(w.gdb, &debugger, &r, &e)) {
    (void)command_failed(&e);
    return r;
  }
  argv[-1] = (char *)w.gdb;
  struct restart_order program = {.options = {.force = w.force}};
  if (w.image && open_image(&w, &debugger, &program, &e) < 0)
    return command_failed(&e);
  const struct session_options options = {
      .name = w.name,
      .base = w.gdb,
      .control = w.control,
      .command = argv - 1,
      .autos = {.enabled = w.automatic, .cap = (unsigned)cap},
      .rewinds_files = rewinds_files,
      .host_objects = host_objects,
      .follow = (pid_t)follow,
      .on_host = w.on_host,
      .kind_options = &debugger,
  };
  r = session_run(&debugger_kind, &options, &e);
  image_close((struct image *)program.image);
  if (e.code)
    (void)command_failed(&e);
  return r;
}

const struct command command_gdb = {
    .name = "gdb",
    .usage = "[--gdb PATH] [--name NAME] [--control SOCKET] [--follow PID] [--auto] [--auto-cap N] [--host-pids] "
             "[--files keep|rewind] [--ipc own|host] [--image FILE] "
             "[--image-folder FOLDER] [--force] ARGUMENTS…",
    .summary = "Run gdb, with snapshots of the program that it debugs",
    .help =
        "gdb runs as it always does, in any form that a front-end starts it in: ARGUMENTS are gdb's own.\n"
        "It has more commands: snapshot, rewind, info snapshots, delete snapshots, snapshot auto (see gdb's help).\n"
        "The session ends with gdb. gdb 10 or later is needed, built with Python.\n\n"
        "      --gdb PATH        the gdb to run; else the one in PATH\n"
        "      --name NAME       the session's name; else gdb-1, gdb-2…\n"
        "      --control SOCKET  put the control socket exactly there\n"
        "      --follow PID      end the session when that process ends (a front-end, say)\n"
        "      --host-pids       beside the host's processes, so that gdb can attach to them; what has ended since a\n"
        "                        snapshot cannot be brought back then\n"
        "      --auto            take a snapshot at every stop\n"
        "      --auto-cap N      keep at most N of those without a name (20)\n"
        "      --files keep|rewind  a rewind leaves the files that the program writes as they are (keep), or gives\n"
        "                        them back what was in them at the snapshot (rewind)\n"
        "      --ipc own|host    System V objects and POSIX message queues are the session's own and belong to its\n"
        "                        snapshots (own), or those of the host (host): to share memory with its programs\n"
        "      --image FILE      begin with the program of an image, at the place where it was saved\n"
        "      --image-folder FOLDER  look there, too, for images on which that one builds\n"
        "      --force           go on although open files of that program have changed since\n\n"
        "Exit status: gdb's own; 127 gdb not found, 126 not executable, 2 when the session could not be made.\n",
    .own_help = true,
    .run = run,
};
