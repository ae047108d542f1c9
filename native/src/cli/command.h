// SPDX-License-Identifier: EPL-2.0
// One command of the `snapback` program: a row of the table in main.c, a file of its own each.
#pragma once

#include <stdbool.h>

#include "base/error.h"

enum exit_status { EXIT_OK = 0, EXIT_USAGE = 1, EXIT_ERROR = 2, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

struct command {
  const char *name;
  const char *usage;    // what follows the name: "[-s SESSION] ID|NAME"
  const char *summary;  // one line of `snapback help`
  const char *help;     // the rest of `snapback help NAME`; ends with a newline
  int (*run)(const struct command *self, int argc, char **argv);  // argv[0] is the name; returns the exit status
  bool own_help;                                                  // `snapback NAME --help` is the command's own affair
};

extern const struct command command_launch, command_gdb, command_snapshot, command_list, command_rewind, command_delete,
    command_rename, command_auto, command_status, command_kill, command_sessions, command_check, command_help,
    command_attach, command_detach, command_save, command_restart, command_inspect, command_verify, command_export,
    command_diff, command_core;
#ifdef SNAPBACK_FAULTS
extern const struct command command_fault_points;
#endif

extern const struct command *const commands[];         // ends with NULL
const struct command *command_find(const char *name);  // NULL: none

// Both print "snapback: …" on standard error; they return EXIT_USAGE and EXIT_ERROR.
int command_usage_error(const struct command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
int command_failed(const struct error *e);

// getopt_long's '?' and ':' as a usage error that names the option.
int command_bad_option(const struct command *c, char **argv, int result);

// --files keep|rewind of whoever starts a session; NULL: keep. 0, or EXIT_USAGE when it has complained.
int command_files_policy(const struct command *c, const char *word, bool *ret_rewinds);

// --ipc own|host, likewise; NULL: own.
int command_ipc_policy(const struct command *c, const char *word, bool *ret_host);

// A decimal number of 0…max; -EINVAL otherwise.
int command_number(const char *text, unsigned long max, unsigned long *ret);
