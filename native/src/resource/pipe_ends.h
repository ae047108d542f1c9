// SPDX-License-Identifier: EPL-2.0
// Which pipes the processes of a session can write to: what is in these is the session's own.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct pipe_ends {
  struct {
    dev_t device;
    ino_t inode;
    bool in_packets;  // O_DIRECT
  } * item;
  size_t count, capacity;
};

void pipe_ends_add(struct pipe_ends *p, pid_t pid);  // those of a process that is held
bool pipe_ends_hold(const struct pipe_ends *p, const struct stat *pipe);
bool pipe_ends_hold_packets(const struct pipe_ends *p, const struct stat *pipe);  // it is written to in packets
void pipe_ends_done(struct pipe_ends *p);
