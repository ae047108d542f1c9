// SPDX-License-Identifier: EPL-2.0
// A debugger's session that begins with the program of an image.
#pragma once

#include "base/error.h"

struct session;

// The program becomes the session's first snapshot, to which gdb rewinds as soon as it has started.
int debugger_open_image(struct session *s, struct error *e);

// gdb itself comes from the image, and then traces its program again. `channel`: gdb's ends of its two channels.
int debugger_restart(struct session *s, const int channel[2], struct error *e);
