// SPDX-License-Identifier: EPL-2.0
// Sessions that begin with an image.
#pragma once

#include "engine/restart.h"
#include "session/session.h"

// What `snapback restart` was asked for: the options of the program's kind of session (session_options.kind_options).
struct restart_order {
  const struct image *image;  // with its ancestors
  struct restart_options options;
};

// Checks the image against this machine and starts the process that it is to become: the program's executable under
// the old number, held behind its exec. It is the session's first. The caller ends with engine_restart (or kills it)
// and restart_free.
int session_restart_begin(struct session *s, const struct restart_order *order, struct restart_tree **ret,
                          struct error *e);

// All of it: the program goes on, or stays stopped, its number on the host being told on standard output.
int session_restart(struct session *s, const struct restart_order *order, pid_t *ret_pid, struct error *e);
