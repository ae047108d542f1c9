// SPDX-License-Identifier: EPL-2.0
// The outer process of a session: stays with the caller, owns the terminal's job control, passes signals in and the
// exit status out.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct journal;

struct outer {
  pid_t supervisor;
  pid_t program;    // as the host sees it; 0: not started yet
  int link;         // to the supervisor
  int signals;      // signalfd
  int terminal;     // the controlling terminal; -1: none
  pid_t attached;   // a program that ran before; 0: none
  int attached_fd;  // pidfd of it
  const struct journal *journal;
  int followed;     // pidfd of the process with which the session ends; -1: none
  bool pipeline;    // our input or output is a pipe: others share our place in the foreground
  bool foreground;  // the terminal has been given to the program
  bool ended;       // `status` is known
  int status;       // as of waitpid
  bool failed;      // it could not be started: `exit_status` and the error
  int exit_status;
};

// Opens the terminal and finds out whether the program is to begin in its foreground. `attached`: a program that runs
// already and does not belong to our job, whatever terminal it has; 0: none.
void outer_prepare(struct outer *o, pid_t attached);

// Makes the session end when `pid` does.
int outer_follow(struct outer *o, pid_t pid, struct error *e);

// Serves until the supervisor and everything in the session has ended.
void outer_serve(struct outer *o, struct error *e);

// Ends this process as the program ended; returns the exit status if it has one.
int outer_exit_status(const struct outer *o);
