// SPDX-License-Identifier: EPL-2.0
// Descriptors of the world outside: of a restarted program they are those of whoever restarts it.
#pragma once

#include "resource/descriptors.h"

// `lent` is the open file. It is put in place as it is, and given its terminal settings.
extern const struct descriptor_kind descriptor_outside;

// Our own standard descriptor of that number (the program's, if it is another one: our input). Or -errno.
int outside_open(int number);
// The same, when it is a terminal; else the controlling terminal, if there is one.
int outside_open_terminal(int number);
