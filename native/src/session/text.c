// SPDX-License-Identifier: EPL-2.0
// Texts that travel in messages: UTF-8, always.
#include "session/text.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

enum { SNAPSHOT_NAME_MAX = 200 };

// The length of the well-formed sequence at `p` (RFC 3629: no overlong form, no surrogate, at most U+10FFFF); 0: none.
static size_t sequence(const unsigned char *p) {
  static const struct {
    unsigned char first, last, low, high;  // the first byte's range, and the second's
    size_t length;
  } forms[] = {
      {0x01, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
      {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
      {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
  };
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (p[0] < forms[i].first || p[0] > forms[i].last)
      continue;
    if (forms[i].length > 1 && (p[1] < forms[i].low || p[1] > forms[i].high))
      return 0;
    for (size_t k = 2; k < forms[i].length; k++)
      if (p[k] < 0x80 || p[k] > 0xbf)
        return 0;
    return forms[i].length;
  }
  return 0;
}

char *text_clean(char *text) {
  for (unsigned char *p = (unsigned char *)text; p && *p;) {
    size_t n = sequence(p);
    if (n == 0)
      *p = '?';
    p += n ? n : 1;
  }
  return text;
}

static bool is_control(const unsigned char *p) { return *p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0); }

char *text_tame(char *text) {
  for (unsigned char *p = (unsigned char *)text; *p; p++)
    if (is_control(p))
      memset(p, '?', *p == 0xc2 ? 2 : 1);
  return text;
}

bool text_is_snapshot_name(const char *text) {
  if (strlen(text) > SNAPSHOT_NAME_MAX)
    return false;
  for (const unsigned char *p = (const unsigned char *)text; *p;) {
    size_t n = sequence(p);
    if (n == 0 || is_control(p))
      return false;
    p += n;
  }
  return true;
}

uint64_t now_utc_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
