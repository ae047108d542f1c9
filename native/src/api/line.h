// SPDX-License-Identifier: EPL-2.0
// The library's connection to its supervisor: open for the time of one question only, for a program that holds a socket
// cannot be captured.
#pragma once

#include <stdint.h>

#include "api/message.h"
#include "base/error.h"

struct line {
  int fd;
  uint64_t last_id;
  uint8_t *received;  // the last message
};

// Connects and says hello, which announces `words`. 1: done, to be closed; 0: this process has no supervisor; -1.
int line_open(struct line *l, const void *words, struct error *e);

// Asks for what the verb's field number and message say; `*ret_reply` is valid until the next call.
int line_ask(struct line *l, unsigned verb, const struct message *m, struct view *ret_reply, struct error *e);

void line_close(struct line *l);
