// SPDX-License-Identifier: EPL-2.0
// The lines that the supervisor and gdb's Python tell each other: fields between tabs, over a socket pair.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A line that came in.
struct fields {
  char *text;
  char **item;  // point into text; the unused ones are missing, see field()
  unsigned count;
};
void fields_done(struct fields *f);
const char *field(const struct fields *f, unsigned index);  // "" when there is none
uint64_t field_number(const struct fields *f, unsigned index);

// A line to be sent.
struct line {
  char *text;
  size_t size, capacity;
};
void line_add(struct line *l, const char *field);  // NULL: an empty field
void line_add_number(struct line *l, uint64_t number);
void line_done(struct line *l);

struct channel {
  int fd;  // -1: closed
  char *text;
  size_t size, capacity;
};

// Makes a socket pair: our end, and the one that gdb is to inherit. 0 or -errno.
int channel_open(struct channel *ret, int *ret_other);
void channel_close(struct channel *c);

// Takes in what has come. 0 or -errno; -EPIPE: gdb has closed its end.
int channel_receive(struct channel *c);
// The next whole line; false: none yet.
bool channel_next(struct channel *c, struct fields *ret);
// Sends and frees a line. 0 or -errno (-ETIMEDOUT: gdb does not read).
int channel_send(struct channel *c, struct line *l);
