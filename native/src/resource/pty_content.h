// SPDX-License-Identifier: EPL-2.0
// The bytes that wait in a pseudo-terminal, in both directions.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// What was typed and has not been read: a line as the terminal knows it, or in raw mode all of it.
enum pty_line_end { PTY_LINE_WHOLE, PTY_LINE_END_OF_FILE, PTY_LINE_UNFINISHED };
struct pty_line {
  unsigned char *bytes;
  size_t size;
  enum pty_line_end end;
};

struct pty_content {
  unsigned char *output;  // written by the slave's side, unread by the master's
  size_t output_size;
  struct pty_line *line;
  size_t lines, line_capacity;
  bool output_stopped;  // by ^S
};

enum { PTY_BYTES_MAX = 1024 * 1024, PTY_LINES_MAX = 65536 };

// Take all bytes out, or put them in; nobody else may use the terminal meanwhile, and packet mode is off. `slave` is an
// open file of ours, without blocking. 0 or -errno.
int pty_take_out(int master, int slave, struct pty_content *ret);
int pty_put_in(int master, int slave, const struct pty_content *content);
void pty_content_done(struct pty_content *c);
