// SPDX-License-Identifier: EPL-2.0
// What an image tells of watched files, pseudo-terminals and message queues.
#include "resource/describe_kinds.h"

#include "base/memory.h"
#include "resource/mqueue.h"
#include "resource/pipe_packets.h"

void watched_files_describe(const struct watched_files *files, Snapback__Image__OpenFile *file) {
  for (size_t i = 0; i < files->count; i++) {
    const struct watched_file *from = &files->item[i];
    Snapback__Image__FileWatch *watch = NEW(FileWatch, FILE_WATCH);
    watch->number = from->watch.number;
    watch->events = from->watch.events;
    watch->ignored_events = from->watch.ignored;
    watch->mark_flags = from->watch.flags;
    watch->path = must_strdup(from->file.path);
    watch->is_link = from->is_link;
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

// ---- message queues ----

static uint32_t known_queue(const struct describing *d, const struct stat *s) {
  for (size_t i = 0; i < d->queue_count; i++)
    if (d->queue[i].device == s->st_dev && d->queue[i].inode == s->st_ino)
      return (uint32_t)i + 1;
  return 0;
}

uint32_t message_queue_describe(struct describing *d, const struct descriptor *item) {
  const struct message_queue *from = item->own;
  uint32_t id = known_queue(d, &item->stat);
  if (id)
    return id;
  Snapback__Image__MessageQueue *queue = NEW(MessageQueue, MESSAGE_QUEUE);
  APPEND(d->image->message_queue, d->image->n_message_queue, queue);
  APPEND(d->queue, d->queue_count, ((struct described){item->stat.st_dev, item->stat.st_ino}));
  queue->id = (uint32_t)d->queue_count;
  queue->name = must_strdup(from->name);
  queue->deleted = from->is_deleted;
  queue->mode = item->stat.st_mode;
  queue->most_messages = (uint64_t)from->attributes.mq_maxmsg;
  queue->message_size = (uint64_t)from->attributes.mq_msgsize;
  for (size_t i = 0; i < from->count; i++) {
    Snapback__Image__QueuedMessage *message = NEW(QueuedMessage, QUEUED_MESSAGE);
    message->priority = from->item[i].priority;
    set_bytes(&message->content, from->item[i].bytes, from->item[i].size);
    APPEND(queue->message, queue->n_message, message);
  }
  return queue->id;
}

void packets_describe(const struct descriptor *item, Snapback__Image__Pipe *pipe) {
  const struct pipe_packets *packets = item->own;
  for (size_t i = 0; packets && i < packets->count; i++)
    APPEND(pipe->packet, pipe->n_packet, packets->size[i]);
}
