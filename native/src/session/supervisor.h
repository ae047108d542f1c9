// SPDX-License-Identifier: EPL-2.0
// The supervisor's own state, shared by the files that make it up; kinds see session.h only.
#pragma once

#include <sys/stat.h>

#include "session/address.h"
#include "session/caller.h"
#include "session/clients.h"
#include "session/link.h"
#include "session/namespaces.h"
#include "session/requests.h"
#include "session/session.h"

struct session {
  const struct session_kind *kind;
  const struct session_options *options;
  void *data;  // the kind's

  struct address *address;  // shared with the outer process
  struct namespaces namespaces;
  struct caller caller;
  int link;  // to the outer process
  int child_signals;
  int terminal;      // the controlling terminal; -1: none
  unsigned rows;     // what it had before one was taken away for a moment; 0: it has them
  bool foreground;   // the program begins in its foreground
  int start_status;  // what to exit with when the program could not be started

  pid_t host_pid;  // of the supervisor
  pid_t first;     // the program or debugger
  struct watch *end_of_attached;
  struct journal *journal;  // of a program that was attached to, shared with the outer process; else NULL
  uint64_t started_ms;
  char *start_folder;       // where the session was started
  char *working_directory;  // the same, fit for messages
  struct stat outside[3];   // the caller's standard descriptors; mode 0: closed
  char **command;           // options->command, fit for messages
  size_t command_length;

  struct loop *loop;
  struct engine *engine;
  struct clients clients;
  struct requests requests;
  struct savings savings;

  struct snapshot_entry **entries;
  unsigned count, capacity;
  uint64_t last_id, current;
  unsigned measured;   // counts the templates whose memory has been measured
  bool measures_soon;  // an alarm is set for it
  struct auto_settings autos;

  struct session_facts told;  // what subscribers know
  bool asked_to_end;          // a debugger, by a signal
  bool ends_at_once;          // somebody has asked for the session's end: saves are not waited for
  bool over;
  int status;  // of the first process, as of waitpid, when `over`
};

// Becomes the supervisor, in the child of namespaces_fork; never returns.
_Noreturn void supervisor_run(struct session *s);

// Tells the outer process something.
void supervisor_report(struct session *s, const struct link_report *report);

// Ends the session: its first process is killed.
void supervisor_kill(struct session *s);
