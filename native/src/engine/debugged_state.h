// SPDX-License-Identifier: EPL-2.0
// A debugger that is held with all that it traces; shared by the files debugged*.c.
#pragma once

#include "engine/affinity.h"
#include "engine/debugged.h"
#include "engine/state.h"

struct stopped {
  pid_t tid;
  long request;  // that lets it go on as the debugger had let it go
};

struct debugged {
  struct engine *engine;
  pid_t debugger;
  struct frozen self;      // the debugger's main thread, held by us
  struct executor *proxy;  // in that thread
  struct inferior *inferior;
  size_t count;
  struct stopped *stopped;  // by us
  size_t stopped_count;
  struct affinity affinity;
};

bool is_thread_stopped(pid_t pid, pid_t tid);
int debugged_require_stopped(const struct debugged *d, struct error *e);
bool debugged_holds_all(const struct debugged *d, const struct snapshot *whole);
int debugged_close_mains(struct debugged *d, bool is_forgotten, struct error *e);  // also after a failure
