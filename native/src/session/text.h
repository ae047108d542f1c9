// SPDX-License-Identifier: EPL-2.0
// Texts that travel in messages: UTF-8, always.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Replaces each byte that is not part of well-formed UTF-8 by '?'. Returns `text`, which may be NULL.
char *text_clean(char *text);

// Replaces control characters by '?' in a clean text: what it shows on a terminal is what it says. Returns `text`.
char *text_tame(char *text);

// At most 200 bytes of well-formed UTF-8 without control characters.
bool text_is_snapshot_name(const char *text);

uint64_t now_utc_ms(void);
