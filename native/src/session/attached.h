// SPDX-License-Identifier: EPL-2.0
// A program that was not started by us: taken under control while it runs, and let go again.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "session/link.h"

struct session;

// Whether the process can be taken under control. Touches nothing; refuses by name.
int attached_check(pid_t pid, struct error *e);

// Begins the session of the process that the options name.
int attached_start(struct session *s, pid_t *ret_pid, struct error *e);

bool attached_is_stopped(pid_t pid);  // by job control

// What comes from the command's terminal is not meant for the program: what would end a program lets it go.
void attached_order(struct session *s, const struct link_order *order);

// The session ends, the program goes on. / Both end, with all that the program has started.
void attached_let_go(struct session *s);
void attached_kill(struct session *s);
