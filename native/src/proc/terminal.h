// SPDX-License-Identifier: EPL-2.0
// The controlling terminal of a process, as /proc/PID/stat tells it.
#pragma once

#include <sys/types.h>

enum { PTY_MAJOR = 136 };  // the slaves of pseudo-terminals; the minor number is that of the terminal

struct process_terminal {
  dev_t device;      // 0: none
  pid_t foreground;  // the process group in its foreground; -1: none
};

// 0 or -errno.
int process_terminal(pid_t pid, struct process_terminal *ret);

// Parses the text of a stat file. 0 or -EBADMSG.
int process_terminal_parse(const char *text, struct process_terminal *ret);
