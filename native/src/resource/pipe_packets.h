// SPDX-License-Identifier: EPL-2.0
// Where the packets end of a pipe that is written to in packets (O_DIRECT, pipe(2)).
#pragma once

#include <stddef.h>
#include <stdint.h>

// `own` of a pipe; NULL: a stream of bytes.
struct pipe_packets {
  uint32_t *size;
  size_t count;
};
