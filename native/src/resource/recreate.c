// SPDX-License-Identifier: EPL-2.0
// The descriptor table of an image, with pins to objects that have been opened or made anew.
#include "resource/recreate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "resource/outside.h"
#include "resource/proc_file.h"
#include "resource/recreate_kinds.h"

typedef Snapback__Image__OpenFile open_file;

// ---- files ----

struct recreated_file *recreation_file(const struct recreation *c, const Snapback__Image__FileIdentity *identity) {
  for (size_t i = 0; identity && i < c->files; i++)
    if (strcmp(c->file[i].identity->path, identity->path) == 0 && c->file[i].identity->deleted == identity->deleted)
      return &c->file[i];
  return NULL;
}

struct recreated_file *recreation_add_file(struct recreation *c, const Snapback__Image__FileIdentity *identity,
                                           char *path) {
  array_reserve(c->file, c->files, c->file_capacity);
  struct recreated_file *f = &c->file[c->files++];
  *f = (struct recreated_file){.identity = identity, .path = path, .fd = -1};
  return f;
}

// ---- pipes ----

static int make_pipe(struct recreated_pipe *p, const Snapback__Image__Pipe *from) {
  *p = (struct recreated_pipe){.from = from, .end = {-1, -1}};
  int r = fault(FAULT_restart_pipes);
  return r < 0 ? r : pipe2(p->end, O_CLOEXEC) < 0 ? -errno : 0;
}

int recreation_make_pipes(struct recreation *c, struct error *e) {
  c->pipe = must_alloc((c->metadata->n_pipe + 1) * sizeof *c->pipe);
  for (; c->pipes < c->metadata->n_pipe; c->pipes++) {
    int r = make_pipe(&c->pipe[c->pipes], c->metadata->pipe[c->pipes]);
    if (r < 0)
      return error_set_errno(e, r, "cannot make a pipe for the restarted program");
  }
  return 0;
}

void recreation_close_pipes(struct recreation *c) {
  for (size_t i = 0; i < c->pipes; i++) {
    cleanup_fd(&c->pipe[i].end[0]);
    cleanup_fd(&c->pipe[i].end[1]);
  }
  c->pipes = 0;
}

static const struct recreated_pipe *find_pipe(const struct recreation *c, uint32_t id) {
  for (size_t i = 0; i < c->pipes; i++)
    if (c->pipe[i].from->id == id)
      return &c->pipe[i];
  return NULL;
}

// ---- one descriptor ----

static int pin_path(const char *path) {
  int fd = open(path, O_PATH | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int pin_of(int fd) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return pin_path(path);
}

// Each kind: sets what struct descriptor has beyond number, position and flags. 0 or -errno.
typedef recreate_function describe_function;

static int describe_file(const struct recreation *c, const open_file *from, struct descriptor *d) {
  const struct recreated_file *f = recreation_file(c, from->file);
  d->kind = &descriptor_file;
  d->link = must_strdup(f ? f->path : "?");
  d->pin = !f || f->fd < 0 ? -ENOENT : pin_of(f->fd);
  return d->pin < 0 ? d->pin : 0;
}

// Of the process itself, so it could not be opened before there was one.
static int describe_proc(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_file;
  d->link = must_strdup(from->file ? from->file->path : "?");
  d->is_of_ended = from->process == -1;
  d->pin = pin_path(d->link);
  return d->pin < 0 && !proc_file_has_process(d->link) ? d->pin : 0;
}

static void fill_pipe(struct descriptor *d, const Snapback__Image__Pipe *from) {
  d->capacity = (int)from->capacity;
  d->restores_bytes = (d->info.flags & O_ACCMODE) != O_WRONLY && from->capacity;
  d->size = from->content.len;
  d->bytes = must_alloc(d->size + 1);
  memcpy(d->bytes, from->content.data, d->size);
  recreate_packets(from, d);
}

static int describe_pipe(const struct recreation *c, const open_file *from, struct descriptor *d) {
  const struct recreated_pipe *p = find_pipe(c, from->pipe);
  d->kind = &descriptor_pipe;
  d->link = must_strdup("a pipe");
  d->pin = p ? pin_of(p->end[0]) : -ENOENT;
  if (d->pin < 0)
    return d->pin;
  fill_pipe(d, p->from);
  return 0;
}

static int describe_fifo(const struct recreation *c, const open_file *from, struct descriptor *d) {
  int r = describe_file(c, from, d);
  d->kind = &descriptor_pipe;
  for (size_t i = 0; r == 0 && i < c->metadata->n_pipe; i++)
    if (from->pipe && c->metadata->pipe[i]->id == from->pipe)
      fill_pipe(d, c->metadata->pipe[i]);
  return r;
}

static int describe_eventfd(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_eventfd;
  d->link = must_strdup("anon_inode:[eventfd]");
  d->info.count = from->count;
  d->info.semaphore = from->semaphore;
  d->info.id = -1;
  return 0;
}

static int describe_timerfd(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_timerfd;
  d->link = must_strdup("anon_inode:[timerfd]");
  d->info.timer = (struct timerfd_state){from->timer->clock, (int)from->timer->settime_flags, from->count,
                                         from->timer->value_ns, from->timer->interval_ns};
  return 0;
}

static int describe_signalfd(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_signalfd;
  d->link = must_strdup("anon_inode:[signalfd]");
  d->info.signals = from->signals;
  return 0;
}

static int describe_epoll(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_epoll;
  d->link = must_strdup("anon_inode:[eventpoll]");
  d->info.watches = from->n_watch;
  d->info.watch = must_alloc((from->n_watch + 1) * sizeof *d->info.watch);
  for (size_t i = 0; i < from->n_watch; i++)
    d->info.watch[i] = (struct epoll_watch){.fd = from->watch[i]->number,
                                            .events = from->watch[i]->events,
                                            .data = from->watch[i]->data,
                                            .holder = from->watch[i]->reached_by ? (int)from->watch[i]->reached_by - 1
                                                                                 : from->watch[i]->number};
  return 0;
}

static int describe_object(const struct recreation *c, const open_file *from, struct descriptor *d) {
  const struct recreated_object *o = recreation_object(c, from->shared_object);
  d->kind = &descriptor_file;
  d->link = must_strdup(o && o->from->name ? o->from->name : "shared memory");
  d->pin = !o || o->fd < 0 ? -ENOENT : pin_of(o->fd);
  return d->pin < 0 ? d->pin : 0;
}

static int describe_outside(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_outside;
  d->link = must_strdup("a descriptor of the caller");
  d->lent = outside_open(from->outside_number);
  return d->lent < 0 ? d->lent : 0;
}

static int describe_terminal(const struct recreation *c, const open_file *from, struct descriptor *d) {
  (void)c;
  d->kind = &descriptor_outside;
  d->link = must_strdup("the terminal");
  d->lent = outside_open_terminal(from->outside_number);
  if (d->lent < 0)
    return d->lent;
  d->has_terminal = from->termios.len == sizeof d->terminal;
  if (d->has_terminal)
    memcpy(&d->terminal, from->termios.data, sizeof d->terminal);
  return 0;
}

static int describe_channel(const struct recreation *c, const open_file *from, struct descriptor *d) {
  d->kind = &descriptor_outside;
  d->link = must_strdup("the debugger's link to the supervisor");
  d->lent = fcntl(c->channel[from->outside_number == 1], F_DUPFD_CLOEXEC, 3);
  return d->lent < 0 ? -errno : 0;
}

static int describe_socket(const struct recreation *c, const open_file *from, struct descriptor *d) {
  d->kind = &descriptor_socket;
  d->link = must_strdup("a socket");
  d->socket = sockets_find(c->sockets, from->socket->id);
  return d->socket ? 0 : -ENOENT;
}

static describe_function *const describe[] = {
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_FILE] = describe_file,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_DEVICE] = describe_file,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_TERMINAL] = describe_terminal,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PIPE] = describe_pipe,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_FIFO] = describe_fifo,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_EVENTFD] = describe_eventfd,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_EPOLL] = describe_epoll,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_SHARED_OBJECT] = describe_object,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_OUTSIDE] = describe_outside,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PROC] = describe_proc,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_CHANNEL] = describe_channel,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_TIMERFD] = describe_timerfd,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_SIGNALFD] = describe_signalfd,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_INOTIFY] = recreate_inotify,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_FANOTIFY] = recreate_fanotify,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PIDFD] = recreate_pidfd,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PTY_MASTER] = recreate_pty_master,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_PTY_SLAVE] = recreate_pty_slave,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_MESSAGE_QUEUE] = recreate_message_queue,
    [SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_SOCKET] = describe_socket,
};

static bool has_file(const Snapback__Image__Process *process, uint32_t id) {
  for (size_t i = 0; i < process->n_descriptor; i++)
    if (process->descriptor[i]->open_file == id)
      return true;
  return false;
}

static bool is_first_with(const struct recreation *c, const Snapback__Image__Process *process, uint32_t id) {
  for (size_t i = 0; i < c->metadata->n_process && c->metadata->process[i] != process; i++)
    if (has_file(c->metadata->process[i], id))
      return false;
  return true;
}

static void add_lock(struct descriptor *d, const Snapback__Image__Lock *from) {
  d->info.lock[d->info.locks++] =
      (struct file_lock){(enum file_lock_kind)from->kind, from->writes, from->start, from->end, from->signal};
}

// Locks of a process that stand with a shared open file are those of the first that has it.
static void describe_locks(const struct recreation *c, const Snapback__Image__Process *process, const open_file *from,
                           struct descriptor *d) {
  bool is_first = is_first_with(c, process, from->id);
  d->info.lock = must_alloc((from->n_lock + process->n_lock + 1) * sizeof *d->info.lock);
  for (size_t i = 0; i < from->n_lock; i++)
    if (is_first || from->lock[i]->kind != LOCK_OF_PROCESS)
      add_lock(d, from->lock[i]);
  for (size_t i = 0; i < process->n_lock; i++)
    if (process->lock[i]->number == d->fd)
      add_lock(d, process->lock[i]->lock);
}

static const open_file *find_open_file(const struct recreation *c, uint32_t id) {
  for (size_t i = 0; i < c->metadata->n_open_file; i++)
    if (c->metadata->open_file[i]->id == id)
      return c->metadata->open_file[i];
  return NULL;
}

int recreation_open_file(const struct recreation *c, uint32_t id, struct descriptor *d, struct error *e) {
  const open_file *file = find_open_file(c, id);
  *d = (struct descriptor){.pin = -1, .lent = -1};
  if (!file || (size_t)file->kind >= sizeof describe / sizeof describe[0] || !describe[file->kind])
    return error_set(e, ERROR_REFUSED, "a descriptor of the image is of a kind that this version does not know");
  d->file = file->id;
  d->info.flags = (int)file->flags;
  d->info.position = file->position;
  int r = describe[file->kind](c, file, d);
  d->pin = d->pin < 0 ? -1 : d->pin;
  if (r >= 0 && d->pin >= 0 && fstat(d->pin, &d->stat) < 0)
    r = -errno;
  if (r < 0)
    return error_set_errno(e, r, "cannot open %s for the program", d->link ? d->link : "a file");
  d->info.inode = d->stat.st_ino;
  return 0;
}

static int leader_of(const Snapback__Image__Process *process, size_t index) {
  size_t i = 0;
  while (process->descriptor[i]->open_file != process->descriptor[index]->open_file)
    i++;
  return (int)i;
}

static int describe_one(const struct recreation *c, const Snapback__Image__Process *process, size_t index,
                        struct descriptor *d, struct error *e) {
  const Snapback__Image__Descriptor *from = process->descriptor[index];
  if (recreation_open_file(c, from->open_file, d, e) < 0)
    return -1;
  d->fd = from->number;
  d->leader = leader_of(process, index);
  d->info.flags |= from->close_on_exec ? O_CLOEXEC : 0;
  if (d->leader == (int)index)
    describe_locks(c, process, find_open_file(c, from->open_file), d);
  return 0;
}

int recreation_descriptors(const struct recreation *c, const Snapback__Image__Process *process, struct descriptors *ret,
                           struct error *e) {
  *ret = (struct descriptors){.item = must_alloc((process->n_descriptor + 1) * sizeof *ret->item),
                              .sockets = sockets_retain(c->sockets)};
  recreate_controlling_terminal(c->metadata, process->pid, &ret->terminal);
  for (; ret->count < process->n_descriptor; ret->count++)
    if (describe_one(c, process, ret->count, &ret->item[ret->count], e) < 0) {
      ret->count++;
      descriptors_done(ret);
      return -1;
    }
  return 0;
}

void recreation_done(struct recreation *c) {
  for (size_t i = 0; i < c->files; i++) {
    free(c->file[i].path);
    cleanup_fd(&c->file[i].fd);
  }
  recreation_close_pipes(c);
  recreation_close_queues(c, true);
  for (size_t i = 0; i < c->objects; i++)
    cleanup_fd(&c->object[i].fd);
  free(c->file);
  free(c->pipe);
  free(c->object);
  sockets_release(c->sockets);
  *c = (struct recreation){0};
}
