// SPDX-License-Identifier: EPL-2.0
// The checks of inotify sets, pidfds and pseudo-terminals in an image.
#include "image/metadata_kinds.h"

#include <limits.h>
#include <string.h>

#define KIND(name) SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_##name

enum {
  PTY_NUMBER_MAX = 1 << 20,
  PTY_BYTES_MAX = 1 << 20,
  PTY_LINES_MAX = 1 << 16,
  TERMIOS_MAX = 256,
  LAST_LINE_END = 2
};

// Each watch below the highest number costs a moment to count up to.
enum { WATCH_NUMBER_MAX = 1 << 22 };

bool kind_known(Snapback__Image__OpenFileKind kind) {
  return kind > KIND(UNSPECIFIED) &&
         protobuf_c_enum_descriptor_get_value(&snapback__image__open_file_kind__descriptor, kind);
}

static bool is_path(const char *text) { return text[0] == '/' && strlen(text) < PATH_MAX; }

static bool watches_sound(const Snapback__Image__OpenFile *f) {
  for (size_t i = 0; i < f->n_file_watch; i++) {
    const Snapback__Image__FileWatch *w = f->file_watch[i];
    if (w->number < 1 || w->number > WATCH_NUMBER_MAX || !is_path(w->path) ||
        (i && f->file_watch[i - 1]->number >= w->number))
      return false;
  }
  return true;
}

bool open_file_kinds_sound(const Snapback__Image__OpenFile *f) {
  return watches_sound(f) && f->process >= -1 && f->pty < PTY_NUMBER_MAX;
}

static bool lines_sound(const Snapback__Image__PseudoTerminal *t) {
  size_t bytes = 0;
  for (size_t i = 0; i < t->n_typed; i++) {
    bytes += t->typed[i]->content.len;
    if (t->typed[i]->end > LAST_LINE_END || bytes > PTY_BYTES_MAX)
      return false;
  }
  return t->n_typed <= PTY_LINES_MAX;
}

bool pseudo_terminals_sound(const Snapback__Image__Image *m) {
  for (size_t i = 0; i < m->n_pseudo_terminal; i++) {
    const Snapback__Image__PseudoTerminal *t = m->pseudo_terminal[i];
    if (t->number >= PTY_NUMBER_MAX || t->termios.len > TERMIOS_MAX || t->output.len > PTY_BYTES_MAX + 4096 ||
        t->session < 0 || t->foreground < 0 || !lines_sound(t))
      return false;
  }
  return m->n_pseudo_terminal < PTY_NUMBER_MAX;
}
