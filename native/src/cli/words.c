// SPDX-License-Identifier: EPL-2.0
// Facts of a session in words.
#include "cli/words.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define STATE(name) SNAPBACK__CONTROL__SESSION_STATE__SESSION_STATE_##name

const char *word_of_state(Snapback__Control__SessionState state) {
  static const char *const words[] = {
      [STATE(STARTING)] = "starting", [STATE(RUNNING)] = "running", [STATE(STOPPED)] = "stopped",
      [STATE(EXITED)] = "exited",     [STATE(IDLE)] = "idle",
  };
  return (size_t)state < sizeof words / sizeof *words && words[state] ? words[state] : "unknown";
}

const char *word_of_kind(Snapback__Control__SessionKind kind) {
  return kind == SNAPBACK__CONTROL__SESSION_KIND__SESSION_KIND_DEBUGGER ? "debugger" : "program";
}

static bool plain(const char *word) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  return *word && strspn(word, allowed) == strlen(word);
}

static void add_word(FILE *out, const char *word) {
  if (plain(word)) {
    (void)fputs(word, out);
    return;
  }
  (void)fputc('\'', out);
  for (; *word; word++)
    if (*word == '\'')
      (void)fputs("'\\''", out);
    else
      (void)fputc((unsigned char)*word < 0x20 ? ' ' : *word, out);
  (void)fputc('\'', out);
}

char *words_joined(char *const *words, size_t count) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out)
    return must_strdup("");
  for (size_t i = 0; i < count; i++) {
    if (i)
      (void)fputc(' ', out);
    add_word(out, words[i]);
  }
  (void)fclose(out);
  return text;
}

char *words_of_command(const Snapback__Control__Status *s) { return words_joined(s->command, s->n_command); }
