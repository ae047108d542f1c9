// SPDX-License-Identifier: EPL-2.0
// What our own processes change of the state they inherit, and how the program gets it as the caller left it.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

struct caller {
  sigset_t mask;
  sigset_t ignored;
  struct rlimit files;
};

// Remembers the caller's signal state; then all signals are blocked and have their default action. Closed standard
// descriptors are opened on /dev/null, close-on-exec, so that nothing else gets their numbers. The limit of open files
// becomes the highest that is allowed: each snapshot holds one for each descriptor of the program.
void caller_save(struct caller *c);

// In a child, before exec.
void caller_restore(const struct caller *c);

// Lets go of the caller's descriptors (those that are not close-on-exec), so that pipes end when the program closes
// them; standard ones are /dev/null from then on, except standard error when `keep_error`.
void caller_release_descriptors(bool keep_error);
