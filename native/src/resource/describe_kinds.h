// SPDX-License-Identifier: EPL-2.0
// What an image tells of the kinds of descriptors that have a state of their own (`own`).
#pragma once

#include "resource/describe.h"
#include "resource/pty.h"
#include "resource/watched_files.h"

void watched_files_describe(const struct watched_files *files, Snapback__Image__OpenFile *file);
void pty_describe(Snapback__Image__Image *image, const struct pty_state *s, Snapback__Image__OpenFile *file);
void controlling_terminal_describe(Snapback__Image__Image *image, const struct controlling_terminal *t, pid_t leader);
// Its id.
uint32_t message_queue_describe(struct describing *d, const struct descriptor *item);
void packets_describe(const struct descriptor *item, Snapback__Image__Pipe *pipe);
