// SPDX-License-Identifier: EPL-2.0
// Fields 7 and 8 of /proc/PID/stat.
#include "proc/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/file.h"

enum { STAT_MAX = 16384 };

// The name, which is the second field, may hold anything.
int process_terminal_parse(const char *text, struct process_terminal *ret) {
  const char *at = strrchr(text, ')');
  int device, foreground;
  if (!at || sscanf(at + 1, " %*c %*d %*d %*d %d %d", &device, &foreground) != 2)
    return -EBADMSG;
  unsigned of = (unsigned)device;
  // The low byte of the minor number comes first (new_encode_dev in the kernel).
  ret->device = of ? makedev(of >> 8 & 0xfff, (of & 0xff) | (of >> 12 & 0xfff00)) : 0;
  ret->foreground = foreground;
  return 0;
}

int process_terminal(pid_t pid, struct process_terminal *ret) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  _cleanup_free_ char *text = NULL;
  int r = file_read_record(path, STAT_MAX, &text);
  return r < 0 ? r : process_terminal_parse(text, ret);
}
