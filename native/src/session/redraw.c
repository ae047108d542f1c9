// SPDX-License-Identifier: EPL-2.0
// A terminal shows what the program has drawn on it since, or nothing yet: who draws on it is asked to draw again.
#include "session/redraw.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "session/supervisor.h"

enum { REDRAW_MS = 50 };

// Unless somebody has changed it meanwhile.
void session_end_redraw(struct session *s) {
  struct winsize now;
  if (s->rows && ioctl(s->terminal, TIOCGWINSZ, &now) == 0 && now.ws_row + 1U == s->rows) {
    now.ws_row++;
    (void)ioctl(s->terminal, TIOCSWINSZ, &now);
  }
  s->rows = 0;
}

static void give_row_back(void *data) { session_end_redraw(data); }

// The kernel sends the signal.
static void take_row(struct session *s) {
  struct winsize now;
  if (!session_draws(s) || ioctl(s->terminal, TIOCGWINSZ, &now) < 0 || now.ws_row < 3)
    return;
  s->rows = now.ws_row--;
  if (ioctl(s->terminal, TIOCSWINSZ, &now) < 0 || !loop_alarm(s->loop, REDRAW_MS, give_row_back, s))
    session_end_redraw(s);
}

// Some programs draw on any SIGWINCH, others only when the size is another one: for these a row goes for a moment.
static void ask(void *data) {
  struct session *s = data;
  pid_t group = tcgetpgrp(s->terminal);
  if (group > 0)
    (void)kill(-group, SIGWINCH);
  if (!s->rows)
    take_row(s);
}

void session_ask_to_redraw(struct session *s) {
  if (s->terminal >= 0)
    (void)loop_alarm(s->loop, REDRAW_MS, ask, s);
}

bool session_draws(const struct session *s) {
  struct termios now;
  return s->terminal >= 0 && tcgetattr(s->terminal, &now) == 0 && !(now.c_lflag & ICANON);
}
