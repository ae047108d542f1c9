// SPDX-License-Identifier: EPL-2.0
// Making anew from an image what has a state of its own (`own`).
#pragma once

#include "resource/recreate.h"

// Sets what struct descriptor has beyond number, position and flags. 0 or -errno.
typedef int recreate_function(const struct recreation *c, const Snapback__Image__OpenFile *from, struct descriptor *d);

recreate_function recreate_inotify, recreate_fanotify, recreate_pidfd, recreate_pty_master, recreate_pty_slave,
    recreate_message_queue;

void recreate_packets(const Snapback__Image__Pipe *from, struct descriptor *d);
void recreate_controlling_terminal(const Snapback__Image__Image *image, pid_t leader, struct controlling_terminal *ret);
