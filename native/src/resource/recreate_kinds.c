// SPDX-License-Identifier: EPL-2.0
// Making inotify sets, fanotify groups, pidfds and pseudo-terminals anew from an image.
#include "resource/recreate_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/memory.h"
#include "proc/terminal.h"
#include "resource/pipe_packets.h"
#include "resource/pty.h"
#include "resource/watched_files.h"

typedef Snapback__Image__OpenFile open_file;

char *recreation_path(const struct recreation *c, const char *path) {
  return c->path_of ? c->path_of(c->path_data, path) : must_strdup(path);
}

static struct watched_file recreate_watch(const struct recreation *c, const Snapback__Image__FileWatch *from) {
  struct stat st;
  struct watched_file w = {.watch = {.number = from->number,
                                     .events = from->events,
                                     .ignored = from->ignored_events,
                                     .flags = from->mark_flags},
                           .is_link = from->is_link};
  w.file = (struct sought_file){.path = recreation_path(c, from->path), .pin = -1};
  if (fstatat(AT_FDCWD, w.file.path, &st, w.is_link ? AT_SYMLINK_NOFOLLOW : 0) == 0) {
    w.watch.device = st.st_dev;
    w.watch.inode = st.st_ino;
  }
  return w;
}

static struct watched_files *recreate_watched_files(const struct recreation *c, const open_file *from) {
  struct watched_files *files = must_alloc(sizeof *files);
  files->item = must_alloc((from->n_file_watch + 1) * sizeof *files->item);
  for (; files->count < from->n_file_watch; files->count++)
    files->item[files->count] = recreate_watch(c, from->file_watch[files->count]);
  return files;
}

int recreate_inotify(const struct recreation *c, const open_file *from, struct descriptor *d) {
  d->kind = &descriptor_inotify;
  d->link = must_strdup("anon_inode:inotify");
  d->own = recreate_watched_files(c, from);
  return 0;
}

int recreate_fanotify(const struct recreation *c, const open_file *from, struct descriptor *d) {
  d->kind = &descriptor_fanotify;
  d->link = must_strdup("anon_inode:[fanotify]");
  d->info.fanotify = (struct fanotify_group){.flags = from->group_flags, .event_flags = from->event_flags};
  d->own = recreate_watched_files(c, from);
  return 0;
}

int recreate_pidfd(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_pidfd;
  d->link = must_strdup("anon_inode:[pidfd]");
  d->info.process = from->process;
  return 0;
}

static const Snapback__Image__PseudoTerminal *find_pty(const struct recreation *c, uint32_t number) {
  for (size_t i = 0; i < c->metadata->n_pseudo_terminal; i++)
    if (c->metadata->pseudo_terminal[i]->number == number)
      return c->metadata->pseudo_terminal[i];
  return NULL;
}

static void recreate_content(const Snapback__Image__PseudoTerminal *from, struct pty_content *c) {
  c->output_stopped = from->output_stopped;
  c->output_size = from->output.len;
  c->output = must_alloc(c->output_size + 1);
  memcpy(c->output, from->output.data, c->output_size);
  c->line = must_alloc((from->n_typed + 1) * sizeof *c->line);
  for (; c->lines < from->n_typed; c->lines++) {
    const Snapback__Image__TypedLine *typed = from->typed[c->lines];
    struct pty_line *line = &c->line[c->lines];
    *line = (struct pty_line){
        .bytes = must_alloc(typed->content.len + 1), .size = typed->content.len, .end = (enum pty_line_end)typed->end};
    memcpy(line->bytes, typed->content.data, line->size);
  }
}

int recreate_pty_master(const struct recreation *c, const open_file *from, struct descriptor *d) {
  const Snapback__Image__PseudoTerminal *pty = find_pty(c, from->pty);
  d->kind = &descriptor_pty_master;
  d->link = must_strdup("/dev/ptmx");
  if (!pty || pty->termios.len != sizeof(struct termios))
    return -ENOENT;
  struct pty_state *s = d->own = must_alloc(sizeof *s);
  *s = (struct pty_state){.number = (int)pty->number,
                          .locked = pty->locked,
                          .packet = pty->packet_mode,
                          .has_content = pty->has_content,
                          .window = {(unsigned short)pty->rows, (unsigned short)pty->columns,
                                     (unsigned short)pty->width, (unsigned short)pty->height}};
  memcpy(&s->terminal, pty->termios.data, sizeof s->terminal);
  recreate_content(pty, &s->content);
  d->info.terminal = s->number;
  return 0;
}

int recreate_pty_slave(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_pty_slave;
  d->link = must_format("/dev/pts/%u", from->pty);
  d->stat.st_mode = S_IFCHR;
  d->stat.st_rdev = makedev(PTY_MAJOR, from->pty);
  d->has_terminal = !from->hung_up;
  return 0;
}

void recreate_controlling_terminal(const Snapback__Image__Image *image, pid_t leader,
                                   struct controlling_terminal *ret) {
  for (size_t i = 0; i < image->n_pseudo_terminal; i++) {
    const Snapback__Image__PseudoTerminal *pty = image->pseudo_terminal[i];
    if (pty->session == leader)
      *ret = (struct controlling_terminal){.leads = true, .number = (int)pty->number, .foreground = pty->foreground};
  }
}

void recreate_packets(const Snapback__Image__Pipe *from, struct descriptor *d) {
  if (!from->n_packet)
    return;
  struct pipe_packets *packets = d->own = must_alloc(sizeof *packets);
  packets->count = from->n_packet;
  packets->size = must_alloc(from->n_packet * sizeof *packets->size);
  memcpy(packets->size, from->packet, from->n_packet * sizeof *packets->size);
}
