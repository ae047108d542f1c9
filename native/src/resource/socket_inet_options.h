// SPDX-License-Identifier: EPL-2.0
// The options of TCP and UDP sockets that a program may have set.
#pragma once

#include "resource/sockets.h"

// Adds those beyond the level SOL_SOCKET. 0 or -errno.
int inet_options_capture(int fd, struct socket_state *s);
