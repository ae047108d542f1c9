// SPDX-License-Identifier: EPL-2.0
// What the outer process and the supervisor tell each other, over a socket pair whose hang-up means the other's death.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

enum link_order_what {
  LINK_FORWARD,   // send `signal` to the program, or to its process group
  LINK_CONTINUE,  // the job goes on: SIGCONT to the program's process group
  LINK_KILL,      // the session is to end
};

struct link_order {
  enum link_order_what what;
  int signal;
  bool group;
};

enum link_report_what {
  LINK_STARTED,    // program
  LINK_STOPPED,    // status: the signal
  LINK_CONTINUED,  //
  LINK_ENDED,      // status: as of waitpid; the supervisor ends now
  LINK_FAILED,     // status: the exit status to pass on; error
  LINK_SAYS,       // error: a text for the user, and nothing else
  LINK_FINISHING,  // the program has ended, the session has yet to; error: a text for the user
};

struct link_report {
  enum link_report_what what;
  pid_t program;  // as the host sees it
  int status;
  struct error error;
};
