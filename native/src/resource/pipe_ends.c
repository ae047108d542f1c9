// SPDX-License-Identifier: EPL-2.0
// Which pipes the processes of a session can write to.
#include "resource/pipe_ends.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/fdinfo.h"

bool pipe_ends_hold(const struct pipe_ends *p, const struct stat *pipe) {
  for (size_t i = 0; p && i < p->count; i++)
    if (p->item[i].device == pipe->st_dev && p->item[i].inode == pipe->st_ino)
      return true;
  return false;
}

bool pipe_ends_hold_packets(const struct pipe_ends *p, const struct stat *pipe) {
  for (size_t i = 0; p && i < p->count; i++)
    if (p->item[i].device == pipe->st_dev && p->item[i].inode == pipe->st_ino)
      return p->item[i].in_packets;
  return false;
}

static bool can_write(pid_t pid, int fd, bool *ret_in_packets) {
  struct fdinfo info;
  if (fdinfo_read(pid, fd, &info) < 0)
    return false;
  bool can = (info.flags & O_ACCMODE) != O_RDONLY && !(info.flags & O_PATH);
  *ret_in_packets = info.flags & O_DIRECT;
  fdinfo_done(&info);
  return can;
}

void pipe_ends_add(struct pipe_ends *p, pid_t pid) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  if (descriptor_list(pid, &list, &count) < 0)
    return;
  for (size_t i = 0; i < count; i++) {
    char path[64];
    struct stat s;
    bool in_packets;
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, list[i]);
    if (stat(path, &s) < 0 || !S_ISFIFO(s.st_mode) || pipe_ends_hold(p, &s) || !can_write(pid, list[i], &in_packets))
      continue;
    array_reserve(p->item, p->count, p->capacity);
    p->item[p->count].device = s.st_dev;
    p->item[p->count].in_packets = in_packets;
    p->item[p->count++].inode = s.st_ino;
  }
}

void pipe_ends_done(struct pipe_ends *p) {
  free(p->item);
  *p = (struct pipe_ends){0};
}
