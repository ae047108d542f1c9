// SPDX-License-Identifier: EPL-2.0
// Taking the bytes out of a pseudo-terminal, and putting them in.
//
// No call shows them without taking them. In canonical mode (termios(3)) each read gives one line; what is no whole
// line yet can be read when that mode is off. Putting them in again must not make them mean anything: no echo, no
// signals, no editing. The kernel takes typed bytes in later, by a thread of its own: it is made to echo them, and so
// to tell.
#include "resource/pty_content.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

enum { READ_SIZE = 4096, CHUNK = 128, ECHO_PATIENCE_MS = 200 };

static bool is_ready(int fd, short events, int patience_ms) {
  struct pollfd p = {.fd = fd, .events = events};
  return poll(&p, 1, patience_ms) == 1 && (p.revents & events);
}

static int set_terminal(int slave, const struct termios *t) { return tcsetattr(slave, TCSANOW, t) < 0 ? -errno : 0; }

// ---- taking out ----

static int take_output(int master, struct pty_content *ret) {
  while (is_ready(master, POLLIN, 0) && ret->output_size < PTY_BYTES_MAX) {
    ret->output = must_realloc(ret->output, ret->output_size + READ_SIZE, 1);
    ssize_t n = read(master, ret->output + ret->output_size, READ_SIZE);
    if (n <= 0)
      return n < 0 && errno != EIO && errno != EAGAIN ? -errno : 0;
    ret->output_size += (size_t)n;
  }
  return 0;
}

static bool ends_a_line(const struct termios *t, unsigned char byte) {
  return byte == '\n' || (byte && (byte == t->c_cc[VEOL] || byte == t->c_cc[VEOL2]));
}

static void add_line(struct pty_content *c, const unsigned char *bytes, size_t size, enum pty_line_end end) {
  array_reserve(c->line, c->lines, c->line_capacity);
  struct pty_line *line = &c->line[c->lines++];
  *line = (struct pty_line){.bytes = must_alloc(size + 1), .size = size, .end = end};
  memcpy(line->bytes, bytes, size);
}

static int take_lines(int slave, const struct termios *t, struct pty_content *ret) {
  unsigned char bytes[READ_SIZE];
  ssize_t n;
  while (ret->lines < PTY_LINES_MAX && (n = read(slave, bytes, sizeof bytes)) >= 0)
    add_line(ret, bytes, (size_t)n, n > 0 && ends_a_line(t, bytes[n - 1]) ? PTY_LINE_WHOLE : PTY_LINE_END_OF_FILE);
  return errno == EAGAIN || ret->lines == PTY_LINES_MAX ? 0 : -errno;
}

static int take_rest(int slave, struct pty_content *ret) {
  unsigned char bytes[READ_SIZE];
  ssize_t n;
  while ((n = read(slave, bytes, sizeof bytes)) > 0)
    add_line(ret, bytes, (size_t)n, PTY_LINE_UNFINISHED);
  return n == 0 || errno == EAGAIN ? 0 : -errno;
}

static int take_input(int slave, const struct termios *t, struct pty_content *ret) {
  if (!(t->c_lflag & ICANON))
    return take_rest(slave, ret);
  struct termios raw = *t;
  raw.c_lflag &= ~(tcflag_t)ICANON;
  int r = take_lines(slave, t, ret);
  if (r == 0 && (r = set_terminal(slave, &raw)) == 0) {
    r = take_rest(slave, ret);
    (void)set_terminal(slave, t);
  }
  return r;
}

int pty_take_out(int master, int slave, struct pty_content *ret) {
  struct termios t;
  *ret = (struct pty_content){0};
  int r = tcgetattr(slave, &t) < 0 ? -errno : take_output(master, ret);
  ret->output_stopped = !is_ready(slave, POLLOUT, 0);
  return r < 0 ? r : take_input(slave, &t, ret);
}

// ---- putting in ----

static int discard(int master, size_t *count, int patience_ms) {
  unsigned char bytes[READ_SIZE];
  if (!is_ready(master, POLLIN, patience_ms))
    return -ETIMEDOUT;
  ssize_t n = read(master, bytes, sizeof bytes);
  if (n <= 0)
    return n < 0 ? -errno : -EIO;
  *count = (size_t)n < *count ? *count - (size_t)n : 0;
  return 0;
}

// More than the terminal takes at once waits in the kernel, and is not echoed.
static int type(int master, const unsigned char *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    size_t n = size - done < CHUNK ? size - done : CHUNK;
    ssize_t written = write(master, bytes + done, n);
    if (written <= 0)
      return written < 0 ? -errno : -EIO;
    done += (size_t)written;
    for (size_t owed = (size_t)written; owed;)
      if (discard(master, &owed, ECHO_PATIENCE_MS) < 0)
        break;
  }
  return 0;
}

static unsigned char unused_byte(const struct pty_line *line) {
  unsigned char byte = 1;
  while (byte < 255 && (byte == '\n' || memchr(line->bytes, byte, line->size)))
    byte++;
  return byte;
}

// The end of a file has no echo: the bytes before it count when it has come. When there are none, it is given a moment.
static void await_lines(int slave, size_t size, bool is_empty) {
  enum { LOOKS = 2000, LOOK_NS = 100000, FEW = 20 };
  int waiting = 0;
  for (int i = 0; i < LOOKS && ioctl(slave, FIONREAD, &waiting) == 0; i++) {
    if ((size_t)waiting >= size && (i >= FEW || !is_empty))
      return;
    (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
  }
}

// As it was typed, with nothing in it that means anything but the end of the line.
static int type_line(int master, int slave, const struct termios *quiet, const struct pty_line *line,
                     size_t *lines_size) {
  struct termios t = *quiet;
  unsigned char end = unused_byte(line);
  bool ends_otherwise = line->end == PTY_LINE_WHOLE && line->size && line->bytes[line->size - 1] != '\n';
  if (ends_otherwise)
    t.c_cc[VEOL] = line->bytes[line->size - 1];
  if (line->end == PTY_LINE_END_OF_FILE)
    t.c_cc[VEOF] = end;
  int r = set_terminal(slave, &t);
  if (r == 0)
    r = type(master, line->bytes, line->size);
  if (r == 0 && line->end == PTY_LINE_END_OF_FILE) {
    r = write(master, &end, 1) == 1 ? 0 : -EIO;
    await_lines(slave, *lines_size + line->size, line->size == 0);
  }
  *lines_size += line->size;
  return r;
}

static int put_input(int master, int slave, const struct termios *t, const struct pty_content *c) {
  struct termios quiet = *t;
  quiet.c_iflag = quiet.c_oflag = 0;
  quiet.c_lflag = (t->c_lflag & ICANON) | ECHO;
  memset(quiet.c_cc, 0, sizeof quiet.c_cc);
  quiet.c_cc[VMIN] = t->c_lflag & ICANON ? 0 : 1;
  size_t lines_size = 0;
  int r = 0;
  for (size_t i = 0; r == 0 && i < c->lines; i++)
    r = type_line(master, slave, &quiet, &c->line[i], &lines_size);
  return r;
}

static int put_output(int slave, const struct termios *t, const struct pty_content *c) {
  struct termios plain = *t;
  plain.c_oflag = 0;
  plain.c_iflag &= ~(tcflag_t)IXON;  // which lets output go on that ^S has stopped
  int r = set_terminal(slave, &plain);
  for (size_t done = 0; r == 0 && done < c->output_size;) {
    ssize_t n = write(slave, c->output + done, c->output_size - done);
    if (n > 0)
      done += (size_t)n;
    else
      r = n < 0 ? -errno : -EIO;
  }
  return r;
}

// As it was stopped: only ^Q starts what ^S has stopped.
static void stop_output(int master, int slave, const struct termios *t) {
  if (!(t->c_iflag & IXON) || write(master, &t->c_cc[VSTOP], 1) != 1)
    (void)tcflow(slave, TCOOFF);
}

int pty_put_in(int master, int slave, const struct pty_content *c) {
  struct termios t;
  if (tcgetattr(slave, &t) < 0)
    return -errno;
  (void)tcflow(slave, TCOON);
  int r = c->lines ? put_input(master, slave, &t, c) : 0;
  if (r == 0 && c->output_size)
    r = put_output(slave, &t, c);
  int last = set_terminal(slave, &t);
  if (c->output_stopped)
    stop_output(master, slave, &t);
  return r < 0 ? r : last;
}

void pty_content_done(struct pty_content *c) {
  for (size_t i = 0; i < c->lines; i++)
    free(c->line[i].bytes);
  free(c->line);
  free(c->output);
  *c = (struct pty_content){0};
}
