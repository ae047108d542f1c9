// SPDX-License-Identifier: EPL-2.0
// Pseudo-terminals with both ends here, against a model: settings, window size, packet mode, and what is unread in both
// directions, by lines and in raw mode; terminals that are hung up.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { PTYS = 3, LINES = 4, LINE = 200, OUTPUT = 6000, PATIENCE_MS = 10000, END_OF_FILE = 4 };

enum end { OPEN, NEWLINE, BY_EOF };
struct line {
  char bytes[LINE];
  size_t size;
  enum end end;
};

static struct pty {
  int master, slave;  // -1: closed
  bool packet;
  struct termios settings;
  struct winsize window;
  char output[OUTPUT];
  size_t size;
  struct line line[LINES];
  unsigned lines;
} ptys[PTYS];

static bool is_ready(int fd, int patience_ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, patience_ms) == 1 && (p.revents & POLLIN);
}

static bool is_canonical(const struct pty *t) { return t->settings.c_lflag & ICANON; }

static void fill(char *to, size_t size) {
  for (size_t i = 0; i < size; i++)
    to[i] = (char)('a' + live_random(26));
}

// ---- changes ----

static void set_up(struct pty *t) {
  CHECK(tcgetattr(t->slave, &t->settings) == 0);
  t->settings.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
  t->settings.c_oflag = 0;
  t->settings.c_lflag |= live_random(2) ? ICANON : 0;
  t->settings.c_cc[VERASE] = (cc_t)(8 + live_random(2) * 119);
  CHECK(tcsetattr(t->slave, TCSANOW, &t->settings) == 0);
}

static void make(struct pty *t) {
  if (t->master >= 0 || t->slave >= 0)
    return;
  memset(t, 0, sizeof *t);
  t->master = posix_openpt(O_RDWR | O_NOCTTY);
  CHECK(t->master >= 0 && grantpt(t->master) == 0 && unlockpt(t->master) == 0);
  CHECK((t->slave = open(ptsname(t->master), O_RDWR | O_NOCTTY)) >= 0);
  set_up(t);
}

static void end(struct pty *t) {
  if (live_random(4))
    return;
  if (t->master >= 0)
    CHECK(close(t->master) == 0);
  t->master = -1;
  if (t->slave >= 0 && live_random(2)) {
    CHECK(close(t->slave) == 0);
    t->slave = -1;
  }
}

static void configure(struct pty *t) {
  if (t->master < 0 || t->lines)
    return;
  set_up(t);
}

static void resize(struct pty *t) {
  if (t->master < 0)
    return;
  t->window = (struct winsize){(unsigned short)(1 + live_random(200)), (unsigned short)(1 + live_random(200)), 0, 0};
  CHECK(ioctl(t->master, TIOCSWINSZ, &t->window) == 0);
}

static void toggle_packets(struct pty *t) {
  if (t->master < 0)
    return;
  int on = t->packet = !t->packet;
  CHECK(ioctl(t->master, TIOCPKT, &on) == 0);
}

static void put_out(struct pty *t) {
  size_t n = 1 + live_random(live_random(4) ? 60 : 2000);
  if (t->master < 0 || t->size + n > OUTPUT)
    return;
  fill(t->output + t->size, n);
  CHECK(write(t->slave, t->output + t->size, n) == (ssize_t)n);
  t->size += n;
}

static void type(struct pty *t) {
  bool goes_on = t->lines && t->line[t->lines - 1].end == OPEN;
  if (t->master < 0 || (!goes_on && t->lines == LINES))
    return;
  struct line *l = &t->line[goes_on ? t->lines - 1 : t->lines];
  size_t n = 1 + live_random(60), before = goes_on ? l->size : 0;
  if (before + n + 1 > LINE)
    return;
  fill(l->bytes + before, n);
  l->size = before + n;
  l->end = is_canonical(t) ? (enum end)live_random(3) : OPEN;
  if (l->end == NEWLINE)
    l->bytes[l->size++] = '\n';
  CHECK(write(t->master, l->bytes + before, l->size - before) == (ssize_t)(l->size - before));
  if (l->end == BY_EOF)
    CHECK(write(t->master, &(char){END_OF_FILE}, 1) == 1);
  t->lines += !goes_on;
}

// ---- what comes out ----

static void read_out(struct pty *t) {
  char got[OUTPUT + 1];
  if (t->master < 0)
    return;
  for (size_t done = 0; done < t->size;) {
    CHECK(is_ready(t->master, PATIENCE_MS));
    ssize_t n = read(t->master, got, sizeof got), skip = t->packet;
    CHECK(n > skip && (!skip || got[0] == TIOCPKT_DATA));
    CHECK(done + (size_t)(n - skip) <= t->size && memcmp(got + skip, t->output + done, (size_t)(n - skip)) == 0);
    done += (size_t)(n - skip);
  }
  t->size = 0;
  CHECK(!is_ready(t->master, 0));
}

static void read_line(struct pty *t) {
  char got[LINE + 1];
  if (t->master < 0 || !t->lines || (is_canonical(t) && t->line[0].end == OPEN))
    return;
  struct line *l = &t->line[0];
  for (size_t done = 0; done < l->size;) {
    CHECK(is_ready(t->slave, PATIENCE_MS));
    ssize_t n = read(t->slave, got, sizeof got);
    CHECK(n > 0 && done + (size_t)n <= l->size && memcmp(got, l->bytes + done, (size_t)n) == 0);
    CHECK(!is_canonical(t) || (size_t)n == l->size);
    done += (size_t)n;
  }
  memmove(t->line, t->line + 1, (--t->lines) * sizeof *t->line);
  CHECK(t->lines || !is_ready(t->slave, 0));
}

static void check(const struct pty *t) {
  struct termios settings;
  struct winsize window;
  int packet;
  if (t->slave >= 0 && t->master < 0) {
    CHECK(tcgetattr(t->slave, &settings) < 0 && errno == EIO);
    CHECK(read(t->slave, &packet, 1) == 0);
    return;
  }
  if (t->master < 0)
    return;
  CHECK(tcgetattr(t->slave, &settings) == 0);
  CHECK(settings.c_lflag == t->settings.c_lflag && settings.c_iflag == t->settings.c_iflag &&
        settings.c_oflag == t->settings.c_oflag && memcmp(settings.c_cc, t->settings.c_cc, sizeof settings.c_cc) == 0);
  CHECK(ioctl(t->slave, TIOCGWINSZ, &window) == 0 && window.ws_row == t->window.ws_row &&
        window.ws_col == t->window.ws_col);
  CHECK(ioctl(t->master, TIOCGPKT, &packet) == 0 && packet == t->packet);
}

int main(void) {
  static void (*const changes[])(struct pty *) = {make, make, end,      configure, resize,    toggle_packets, put_out,
                                                  type, type, read_out, read_line, read_line, put_out};
  live_begin();
  for (unsigned i = 0; i < PTYS; i++)
    ptys[i].master = ptys[i].slave = -1;
  do {
    changes[live_random(sizeof changes / sizeof *changes)](&ptys[live_random(PTYS)]);
    for (unsigned i = 0; i < PTYS; i++)
      check(&ptys[i]);
  } while (live_tick());
  for (unsigned i = 0; i < PTYS; i++) {
    read_out(&ptys[i]);
    for (unsigned n = 0; n < LINES; n++)
      read_line(&ptys[i]);
  }
  live_pass();
}
