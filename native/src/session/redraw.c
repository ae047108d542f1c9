// SPDX-License-Identifier: EPL-2.0
// A terminal shows what the program has drawn on it since, or nothing yet: who draws on it is asked to draw again.
#include "session/redraw.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "session/supervisor.h"

enum { REDRAW_MS = 50 };

static void ask(void *data) {
  const struct session *s = data;
  pid_t group = tcgetpgrp(s->terminal);
  if (group > 0)
    (void)kill(-group, SIGWINCH);
}

void session_ask_to_redraw(struct session *s) {
  if (s->terminal >= 0)
    (void)loop_alarm(s->loop, REDRAW_MS, ask, s);
}

bool session_draws(const struct session *s) {
  struct termios now;
  return s->terminal >= 0 && tcgetattr(s->terminal, &now) == 0 && !(now.c_lflag & ICANON);
}
