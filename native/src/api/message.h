// SPDX-License-Identifier: EPL-2.0
// The few messages of the control protocol (proto/control.proto) that libsnapback sends and understands, written and
// read by hand, so that a program that uses it needs no other library.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- writing ----

struct message {
  uint8_t bytes[1024];
  size_t size;
  bool too_long;
};

void message_number(struct message *m, unsigned field, uint64_t value);
void message_text(struct message *m, unsigned field, const char *text);
void message_inner(struct message *m, unsigned field, const struct message *inner);

// ---- reading ----

// Bytes of a message; they belong to somebody else.
struct view {
  const uint8_t *bytes;
  size_t size;
};

// The last field of that number, as protobuf has it. False: there is none, or the message is damaged.
bool view_number(struct view v, unsigned field, uint64_t *ret);
bool view_inner(struct view v, unsigned field, struct view *ret);
void view_text(struct view v, unsigned field, char *ret, size_t size);  // cut to fit; "" when there is none
