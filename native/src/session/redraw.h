// SPDX-License-Identifier: EPL-2.0
// A terminal shows what the program has drawn on it since, or nothing yet: who draws on it is asked to draw again.
#pragma once

#include <stdbool.h>

#include "session/session.h"

// Sends SIGWINCH to the terminal's foreground group, as when the window changes its size. Not at once: a signal that
// comes before a cut call is begun again does not cut it, as it would have.
void session_ask_to_redraw(struct session *s);
void session_end_redraw(struct session *s);  // before the session ends

// True when somebody edits lines or screens on the terminal, rather than printing lines.
bool session_draws(const struct session *s);
