// SPDX-License-Identifier: EPL-2.0
// What an image tells of inotify sets and pseudo-terminals.
#include "resource/describe_kinds.h"

#include "base/memory.h"

void inotify_describe(const struct inotify_set *set, Snapback__Image__OpenFile *file) {
  for (size_t i = 0; i < set->count; i++) {
    Snapback__Image__FileWatch *watch = NEW(FileWatch, FILE_WATCH);
    watch->number = set->item[i].number;
    watch->events = set->item[i].events;
    watch->path = must_strdup(set->item[i].file.path);
    APPEND(file->file_watch, file->n_file_watch, watch);
  }
}

// Whoever names it first.
static Snapback__Image__PseudoTerminal *pty_of(Snapback__Image__Image *image, int number) {
  for (size_t i = 0; i < image->n_pseudo_terminal; i++)
    if (image->pseudo_terminal[i]->number == (uint32_t)number)
      return image->pseudo_terminal[i];
  Snapback__Image__PseudoTerminal *pty = NEW(PseudoTerminal, PSEUDO_TERMINAL);
  pty->number = (uint32_t)number;
  APPEND(image->pseudo_terminal, image->n_pseudo_terminal, pty);
  return pty;
}

static void describe_content(const struct pty_content *from, Snapback__Image__PseudoTerminal *pty) {
  pty->output_stopped = from->output_stopped;
  if (from->output_size)
    set_bytes(&pty->output, from->output, from->output_size);
  for (size_t i = 0; i < from->lines; i++) {
    Snapback__Image__TypedLine *line = NEW(TypedLine, TYPED_LINE);
    set_bytes(&line->content, from->line[i].bytes, from->line[i].size);
    line->end = (uint32_t)from->line[i].end;
    APPEND(pty->typed, pty->n_typed, line);
  }
}

void pty_describe(Snapback__Image__Image *image, const struct pty_state *s, Snapback__Image__OpenFile *file) {
  Snapback__Image__PseudoTerminal *pty = pty_of(image, s->number);
  file->pty = pty->number;
  if (pty->termios.len)
    return;  // another process has described it
  set_bytes(&pty->termios, &s->terminal, sizeof s->terminal);
  pty->rows = s->window.ws_row;
  pty->columns = s->window.ws_col;
  pty->width = s->window.ws_xpixel;
  pty->height = s->window.ws_ypixel;
  pty->locked = s->locked;
  pty->packet_mode = s->packet;
  pty->has_content = s->has_content;
  describe_content(&s->content, pty);
}

void controlling_terminal_describe(Snapback__Image__Image *image, const struct controlling_terminal *t, pid_t leader) {
  if (!t->leads)
    return;
  Snapback__Image__PseudoTerminal *pty = pty_of(image, t->number);
  pty->session = leader;
  pty->foreground = t->foreground;
}
