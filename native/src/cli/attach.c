// SPDX-License-Identifier: EPL-2.0
// `snapback attach`: takes a process that runs already under checkpoint control.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/options.h"
#include "proc/status.h"
#include "session/session.h"

enum { COMMAND_MAX = 256 * 1024, WORDS_MAX = 1000 };

// Its command line, as it shows it itself; a process that shows none is called by its name.
static char **command_of(pid_t pid) {
  _cleanup_free_ char *path = must_format("/proc/%d/cmdline", pid);
  char **words = must_alloc((WORDS_MAX + 1) * sizeof *words), *text = NULL;
  size_t size = 0, count = 0;
  if (file_read(path, COMMAND_MAX, &text, &size) == 0)
    for (size_t at = 0; at < size && count < WORDS_MAX; at += strlen(text + at) + 1)
      words[count++] = must_strdup(text + at);
  free(text);
  if (count)
    return words;
  char name[64];
  process_name(pid, name, sizeof name);
  words[0] = must_strdup(name);
  return words;
}

static void command_free(char **words) {
  for (size_t i = 0; words[i]; i++)
    free(words[i]);
  free(words);
}

static int run(const struct command *self, int argc, char **argv) {
  struct session_options options = {.on_host = true};
  const char *files = NULL;
  const struct option_row rows[] = {
      {"name", 'n', &options.name, NULL}, {"control", 0, &options.control, NULL}, {"files", 0, &files, NULL}, {0}};
  int r = options_parse(self, rows, true, &argc, &argv);
  if (r || (r = command_files_policy(self, files, &options.rewinds_files)))
    return r;
  unsigned long pid = 0;
  if (argc != 1)
    return command_usage_error(self, argc ? "attach: what is '%s'?" : "attach: which process?", argc ? argv[1] : "");
  if (command_number(argv[0], INT_MAX, &pid) < 0 || !pid)
    return command_usage_error(self, "attach: '%s' is not a process number", argv[0]);
  char name[64], **command = command_of((pid_t)pid);
  process_name((pid_t)pid, name, sizeof name);
  options.attach = (pid_t)pid;
  options.base = name;
  options.command = command;
  struct error e = {0};
  r = session_run(&program_kind, &options, &e);
  command_free(command);
  return e.code ? command_failed(&e) : r;
}

const struct command command_attach = {
    .name = "attach",
    .usage = "[--name NAME] [--control SOCKET] [--files keep|rewind] PID",
    .summary = "Take a running process under checkpoint control, until it is let go",
    .help =
        "The process, its threads and its children come under control where they are; they run on and notice nothing.\n"
        "Ctrl-C or 'snapback detach' lets them go again, unharmed. They keep their numbers, which are the host's: "
        "what\n"
        "has ended since a snapshot cannot be brought back then, and a rewind that needs it is refused. For that, "
        "start\n"
        "the program by 'snapback launch'.\n\n"
        "  -n, --name NAME       the session's name; else PROGRAM-1, PROGRAM-2…\n"
        "      --control SOCKET  put the control socket exactly there\n"
        "      --files keep|rewind    what a rewind does to the files that the program writes: they stay as they are\n"
        "                             (keep), or get back what was in them at the snapshot (rewind)\n\n"
        "Exit status: 0 when the process was let go or has ended, 2 when it could not be taken under control.\n",
    .run = run,
};
