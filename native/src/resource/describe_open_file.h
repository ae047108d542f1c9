// SPDX-License-Identifier: EPL-2.0
// What the files describe*.c share while they describe the open files of one process.
#pragma once

#include "resource/describe.h"

struct file_context {
  struct describing *d;
  Snapback__Image__Process *process;
  const struct sockets *sockets;
};

// Adds the open file to the image. Its id.
uint32_t describe_open_file(struct file_context *c, const struct descriptor *item);
// The id of the socket's open file. All sockets of the table are added together, with the first of them.
uint32_t describe_socket(struct file_context *c, const struct sockets *all, const struct socket_state *s);
