// SPDX-License-Identifier: EPL-2.0
// The checks of watched files, pidfds, pseudo-terminals and message queues in an image.
#include "image/metadata_kinds.h"

#include <limits.h>
#include <string.h>

#define KIND(name) SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_##name

enum {
  PTY_NUMBER_MAX = 1 << 20,
  PTY_BYTES_MAX = 1 << 20,
  PTY_LINES_MAX = 1 << 16,
  TERMIOS_MAX = 256,
  LAST_LINE_END = 2,
  LAST_LOCK_KIND = 3,
  LAST_SIGNAL = 64
};
enum { QUEUE_BYTES_MAX = 1 << 26, QUEUE_MESSAGES_MAX = 1 << 16, PRIORITY_MAX = 1 << 15 };

// Each watch below the highest number costs a moment to count up to.
enum { WATCH_NUMBER_MAX = 1 << 22 };

bool kind_known(Snapback__Image__OpenFileKind kind) {
  return kind > KIND(UNSPECIFIED) &&
         protobuf_c_enum_descriptor_get_value(&snapback__image__open_file_kind__descriptor, kind);
}

static bool is_path(const char *text) { return text[0] == '/' && strlen(text) < PATH_MAX; }

static bool watch_number_sound(const Snapback__Image__OpenFile *f, size_t index) {
  int number = f->file_watch[index]->number;
  if (f->kind == KIND(FANOTIFY))
    return number == 0;
  return number > 0 && number <= WATCH_NUMBER_MAX && (!index || f->file_watch[index - 1]->number < number);
}

static bool watches_sound(const Snapback__Image__OpenFile *f) {
  for (size_t i = 0; i < f->n_file_watch; i++)
    if (!is_path(f->file_watch[i]->path) || !watch_number_sound(f, i))
      return false;
  return true;
}

// Queues have the ids 1, 2, 3…
static bool queue_found(const Snapback__Image__Image *m, const Snapback__Image__OpenFile *f) {
  return f->kind != KIND(MESSAGE_QUEUE) || (f->message_queue > 0 && f->message_queue <= m->n_message_queue);
}

static bool locks_sound(const Snapback__Image__OpenFile *f) {
  for (size_t i = 0; i < f->n_lock; i++)
    if (f->lock[i]->kind > LAST_LOCK_KIND || f->lock[i]->signal < 0 || f->lock[i]->signal > LAST_SIGNAL)
      return false;
  return true;
}

bool open_file_kinds_sound(const Snapback__Image__Image *m, const Snapback__Image__OpenFile *f) {
  return watches_sound(f) && locks_sound(f) && queue_found(m, f) && f->process >= -1 && f->pty < PTY_NUMBER_MAX;
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

static bool messages_sound(const Snapback__Image__MessageQueue *q) {
  for (size_t i = 0; i < q->n_message; i++)
    if (q->message[i]->content.len > q->message_size || q->message[i]->priority >= PRIORITY_MAX ||
        (i && q->message[i]->priority > q->message[i - 1]->priority))
      return false;
  return q->n_message <= q->most_messages;
}

bool message_queues_sound(const Snapback__Image__Image *m) {
  for (size_t i = 0; i < m->n_message_queue; i++) {
    const Snapback__Image__MessageQueue *q = m->message_queue[i];
    if (q->id != i + 1 || q->name[0] != '/' || strchr(q->name + 1, '/') || strlen(q->name) > NAME_MAX + 1 ||
        q->most_messages > QUEUE_MESSAGES_MAX || q->message_size > QUEUE_BYTES_MAX || !messages_sound(q))
      return false;
  }
  return true;
}

// Packets that are the whole content.
static bool packets_sound(const Snapback__Image__Pipe *p) {
  uint64_t sum = 0;
  for (size_t i = 0; i < p->n_packet; i++) {
    sum += p->packet[i];
    if (p->packet[i] == 0)
      return false;
  }
  return p->n_packet == 0 || sum == p->content.len;
}

bool pipes_sound(const Snapback__Image__Image *m) {
  for (size_t i = 0; i < m->n_pipe; i++)
    if (!packets_sound(m->pipe[i]))
      return false;
  return true;
}
