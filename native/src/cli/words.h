// SPDX-License-Identifier: EPL-2.0
// Facts of a session in words.
#pragma once

#include "proto/control.pb-c.h"

const char *word_of_state(Snapback__Control__SessionState state);
const char *word_of_kind(Snapback__Control__SessionKind kind);

// The command and its arguments, quoted as for a shell where needed. The caller frees it.
char *words_of_command(const Snapback__Control__Status *s);
char *words_joined(char *const *words, size_t count);
