// SPDX-License-Identifier: EPL-2.0
// The verbs of the control protocol.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { PROTOCOL_VERSION = 1 };

struct session;
struct client;

// Does what the Request in `data` asks for and answers it, now or later.
void dispatch(struct session *s, struct client *c, const uint8_t *data, size_t size);
