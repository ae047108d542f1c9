// SPDX-License-Identifier: EPL-2.0
// Restart: a program and its processes are built from an image, in a new set of namespaces.
//
// First everything that can be found out is (restart_check); then the caller starts a process under the old number
// with the program's own executable, which we hold before it has done anything; engine_restart makes it what it was,
// and all other processes from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "engine/engine.h"
#include "image/image.h"

// A path that begins with the folders `from` begins with `to` now.
struct path_change {
  const char *from, *to;
};

struct restart_options {
  const struct path_change *path;
  size_t paths;
  const char *environment;  // lines NAME=value, which replace values of the program's environment; NULL: none
  bool files;               // files whose contents travel with the image are put back
  bool force;               // go on although open files have changed
  bool debugger;            // of an image with a debugger: it, not its program
  int channel[2];           // what becomes the debugger's link to us: calls, orders
  bool stopped;             // leave the processes in a job-control stop, traced by nobody
};

struct restart_tree;

// Checks machine, files and numbers, and opens what will be needed. The image must stay open until restart_free.
// Nothing is changed, but for the contents of kept files (options->files), last of all.
int restart_check(const struct image *image, const struct restart_options *options, struct restart_tree **ret,
                  struct error *e);
void restart_free(struct restart_tree *t);  // NULL is fine
size_t restart_processes(const struct restart_tree *t);

// The process that the caller has to start: by exec of `executable` under the number `pid`.
struct restart_start {
  const char *executable;
  pid_t pid;
  bool leads_session;  // it had called setsid(2)
  unsigned long personality;
  uint64_t monotonic_ns, boottime_ns;  // its clocks go on from here
};
void restart_start(const struct restart_tree *t, struct restart_start *ret);

// What has become of it that the user should know, once it is made: one sentence, or empty.
const char *restart_note(const struct restart_tree *t);

// Makes the process, which we have seized and which sits in a ptrace-stop behind its exec, what the image says, and
// lets it go on with all others. On failure all are ended.
int engine_restart(struct engine *g, struct restart_tree *t, struct error *e);

// Those that a restart has left stopped go on, but for the program's first process (which has gone on) and those that
// had been stopped when they were saved.
void engine_continue_stopped(struct engine *g);
