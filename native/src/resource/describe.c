// SPDX-License-Identifier: EPL-2.0
// What an image tells of open files, pipes and shared objects.
#include "resource/describe.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "resource/describe_kinds.h"
#include "resource/describe_open_file.h"

typedef Snapback__Image__OpenFile OpenFile;
#define KIND(name) SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_##name

void set_bytes(ProtobufCBinaryData *field, const void *bytes, size_t size) {
  field->data = must_alloc(size ? size : 1);
  memcpy(field->data, bytes, size);
  field->len = size;
}

void pending_describe(const struct pending_signals *p, ProtobufCBinaryData **ret, size_t *ret_count) {
  *ret = must_alloc((p->count + 1) * sizeof **ret);
  for (*ret_count = 0; *ret_count < p->count; (*ret_count)++)
    set_bytes(&(*ret)[*ret_count], &p->item[*ret_count], sizeof *p->item);
}

static Snapback__Image__TimerSpan *describe_span(const struct timer_span *from) {
  Snapback__Image__TimerSpan *span = NEW(TimerSpan, TIMER_SPAN);
  span->value_ns = from->value_ns;
  span->interval_ns = from->interval_ns;
  return span;
}

void timers_describe(const struct timers *t, Snapback__Image__Process *process) {
  for (int i = 0; i < INTERVAL_TIMERS; i++)
    APPEND(process->interval_timer, process->n_interval_timer, describe_span(&t->interval[i]));
  for (size_t i = 0; i < t->count; i++) {
    const struct posix_timer *from = &t->item[i];
    Snapback__Image__Timer *timer = NEW(Timer, TIMER);
    timer->id = from->id;
    timer->clock = from->clock;
    timer->notify = from->notify;
    timer->signal = from->signal;
    timer->value = from->value;
    timer->thread = from->thread;
    timer->left = describe_span(&from->left);
    APPEND(process->timer, process->n_timer, timer);
  }
}

// ---- shared objects ----

static uint32_t number_of(const struct described *list, size_t count, uint64_t device, uint64_t inode) {
  for (size_t i = 0; i < count; i++)
    if (list[i].device == device && list[i].inode == inode)
      return (uint32_t)(i + 1);
  return 0;
}

uint32_t shared_object_id(const struct describing *d, uint64_t device, uint64_t inode) {
  return number_of(d->object, d->objects, device, inode);
}

// As /proc shows the object; NULL: nowhere.
static const char *name_of_object(const struct shared_object *o, const struct mappings *maps,
                                  const struct descriptors *files) {
  for (size_t i = 0; i < files->count; i++)
    if (files->item[i].stat.st_dev == o->device && files->item[i].stat.st_ino == o->inode)
      return files->item[i].link;
  for (size_t i = 0; i < maps->count; i++)
    if (maps->item[i].device == o->device && maps->item[i].inode == o->inode)
      return maps->item[i].name;
  return NULL;
}

static const struct descriptor *file_of_object(const struct shared_object *o, const struct descriptors *files) {
  for (size_t i = 0; i < files->count; i++)
    if (files->item[i].stat.st_dev == o->device && files->item[i].stat.st_ino == o->inode)
      return &files->item[i];
  return NULL;
}

#define OBJECT(name) SNAPBACK__IMAGE__SHARED_OBJECT_KIND__SHARED_OBJECT_KIND_##name
static const struct {
  const char *prefix;
  Snapback__Image__SharedObjectKind kind;
} object_kinds[] = {
    {"/memfd:", OBJECT(MEMFD)},
    {"/dev/zero", OBJECT(ANONYMOUS)},
    {"/anon_hugepage", OBJECT(ANONYMOUS)},
    {"", OBJECT(FILE)},
};

static void name_object(Snapback__Image__SharedObject *object, const char *link) {
  size_t i = 0;
  while (strncmp(link, object_kinds[i].prefix, strlen(object_kinds[i].prefix)) != 0)
    i++;
  object->kind = object_kinds[i].kind;
  object->deleted = link_is_deleted(link);
  size_t length = strlen(link) - (object->deleted ? strlen(" (deleted)") : 0);
  size_t skip = object->kind == OBJECT(MEMFD) ? strlen("/memfd:") : 0;
  if (object->kind != OBJECT(ANONYMOUS))
    object->name = must_format("%.*s", (int)(length - skip), link + skip);
}

static uint64_t end_of_views(const struct shared_object *o) {
  uint64_t end = 0;
  for (size_t i = 0; i < o->views; i++) {
    uint64_t last = o->view[i].offset + (o->view[i].end - o->view[i].start);
    end = last > end ? last : end;
  }
  return end;
}

static Snapback__Image__SharedObject *describe_object(const struct shared_object *o, const struct mappings *maps,
                                                      const struct descriptors *files) {
  Snapback__Image__SharedObject *object = NEW(SharedObject, SHARED_OBJECT);
  const char *link = name_of_object(o, maps, files);
  const struct descriptor *file = file_of_object(o, files);
  struct stat st;
  name_object(object, link ? link : "/dev/zero (deleted)");
  object->size = file ? o->size : end_of_views(o);
  object->seals = o->seals;
  if (file)
    object->mode = file->stat.st_mode;
  else if (object->kind == OBJECT(FILE) && !object->deleted && stat(object->name, &st) == 0 && st.st_ino == o->inode) {
    object->mode = st.st_mode;
    object->size = (uint64_t)st.st_size > object->size ? (uint64_t)st.st_size : object->size;
  }
  return object;
}

static void add_object(struct describing *d, const struct shared_object *o, Snapback__Image__SharedObject *object) {
  APPEND(d->image->shared_object, d->image->n_shared_object, object);
  APPEND(d->object, d->objects, ((struct described){o->device, o->inode}));
  object->id = (uint32_t)d->image->n_shared_object;
  object->space = ++d->spaces;
}

// Another process sees another part of it, or knows more: by a descriptor.
static void add_to_object(Snapback__Image__SharedObject *known, Snapback__Image__SharedObject *more) {
  known->size = more->size > known->size ? more->size : known->size;
  known->seals |= more->seals;
  known->mode = known->mode ? known->mode : more->mode;
  snapback__image__shared_object__free_unpacked(more, NULL);
}

void shared_memory_describe(struct describing *d, const struct shared_memory *s, const struct mappings *maps,
                            const struct descriptors *files) {
  for (size_t i = 0; i < s->count; i++) {
    const struct shared_object *o = &s->object[i];
    Snapback__Image__SharedObject *object = describe_object(o, maps, files);
    uint32_t known = shared_object_id(d, o->device, o->inode);
    if (known)
      add_to_object(d->image->shared_object[known - 1], object);
    else
      add_object(d, o, object);
  }
}

// ---- kinds of open files ----

static bool is_outside(const struct stat *o, const struct stat *st) {
  if (!o->st_mode || (o->st_mode & S_IFMT) != (st->st_mode & S_IFMT))
    return false;
  return S_ISCHR(st->st_mode) ? o->st_rdev == st->st_rdev : o->st_dev == st->st_dev && o->st_ino == st->st_ino;
}

// Which of the caller's descriptors this is; the one of the same number, if it is that one too. -1: none.
static int outside_number(const struct describing *d, const struct descriptor *item) {
  if (item->fd < OUTSIDE_FILES && is_outside(&d->outside[item->fd], &item->stat))
    return item->fd;
  for (int i = 0; i < OUTSIDE_FILES; i++)
    if (is_outside(&d->outside[i], &item->stat))
      return i;
  return -1;
}

static bool is_terminal(const struct descriptor *item) {
  unsigned number = major(item->stat.st_rdev);
  return S_ISCHR(item->stat.st_mode) && (number == 4 || number == 5 || (number >= 136 && number <= 143));
}

static bool is_of_proc(const struct descriptor *item) {
  struct statfs system;
  return item->pin >= 0 && fstatfs(item->pin, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

static void describe_terminal(const struct descriptor *item, OpenFile *file) {
  struct winsize size;
  _cleanup_fd_ int fd = pin_open(item->pin, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  file->kind = KIND(TERMINAL);
  if (item->has_terminal)
    set_bytes(&file->termios, &item->terminal, sizeof item->terminal);
  if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) < 0)
    return;
  file->window_rows = size.ws_row;
  file->window_columns = size.ws_col;
}

static void describe_plain(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  uint32_t object = shared_object_id(c->d, item->stat.st_dev, item->stat.st_ino);
  if (is_terminal(item)) {
    describe_terminal(item, file);
  } else if (S_ISCHR(item->stat.st_mode)) {
    file->kind = KIND(DEVICE);
  } else if (object) {
    file->kind = KIND(SHARED_OBJECT);
    file->shared_object = object;
  } else {
    file->kind = is_of_proc(item) ? KIND(PROC) : KIND(FILE);
    file->process = item->is_of_ended ? -1 : 0;
  }
}

static Snapback__Image__Pipe *pipe_of(struct describing *d, const struct stat *st, uint32_t *ret_id) {
  *ret_id = number_of(d->pipe, d->pipes, st->st_dev, st->st_ino);
  if (*ret_id)
    return d->image->pipe[*ret_id - 1];
  Snapback__Image__Pipe *pipe = NEW(Pipe, PIPE);
  APPEND(d->image->pipe, d->image->n_pipe, pipe);
  APPEND(d->pipe, d->pipes, ((struct described){st->st_dev, st->st_ino}));
  *ret_id = pipe->id = (uint32_t)d->image->n_pipe;
  return pipe;
}

static void describe_pipe(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  if (outside_number(c->d, item) >= 0) {
    file->kind = KIND(OUTSIDE);
    return;
  }
  file->kind = item->link[0] == '/' ? KIND(FIFO) : KIND(PIPE);
  Snapback__Image__Pipe *pipe = pipe_of(c->d, &item->stat, &file->pipe);
  if (item->capacity > 0)
    pipe->capacity = (uint32_t)item->capacity;
  if (!item->size || pipe->content.len)
    return;
  set_bytes(&pipe->content, item->bytes, item->size);
  packets_describe(item, pipe);
}

static void describe_eventfd(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  (void)c;
  file->kind = KIND(EVENTFD);
  file->count = item->info.count;
  file->semaphore = item->info.semaphore;
}

static void describe_epoll(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  (void)c;
  file->kind = KIND(EPOLL);
  for (size_t i = 0; i < item->info.watches; i++) {
    const struct epoll_watch *from = &item->info.watch[i];
    if (from->holder < 0)
      continue;  // another process of the image has it
    Snapback__Image__EpollWatch *watch = NEW(EpollWatch, EPOLL_WATCH);
    watch->number = from->fd;
    watch->events = from->events;
    watch->data = from->data;
    watch->reached_by = from->holder == from->fd ? 0 : (uint32_t)from->holder + 1;
    APPEND(file->watch, file->n_watch, watch);
  }
}

static void describe_timerfd(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  (void)c;
  const struct timerfd_state *from = &item->info.timer;
  file->kind = KIND(TIMERFD);
  file->count = from->ticks;
  file->timer = NEW(Timerfd, TIMERFD);
  file->timer->clock = from->clock;
  file->timer->settime_flags = (uint32_t)from->settime_flags;
  file->timer->value_ns = from->value_ns;
  file->timer->interval_ns = from->interval_ns;
}

static void describe_signalfd(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  (void)c;
  file->kind = KIND(SIGNALFD);
  file->signals = item->info.signals;
}

static void describe_inotify(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  (void)c;
  file->kind = KIND(INOTIFY);
  watched_files_describe(item->own, file);
}

static void describe_fanotify(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  (void)c;
  file->kind = KIND(FANOTIFY);
  file->group_flags = item->info.fanotify.flags;
  file->event_flags = item->info.fanotify.event_flags;
  watched_files_describe(item->own, file);
}

static void describe_pidfd(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  (void)c;
  file->kind = KIND(PIDFD);
  file->process = item->info.process;
}

static void describe_pty_master(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  file->kind = KIND(PTY_MASTER);
  pty_describe(c->d->image, item->own, file);
}

static void describe_pty_slave(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  (void)c;
  file->kind = KIND(PTY_SLAVE);
  file->pty = (uint32_t)pty_number_of_slave(&item->stat);
  file->hung_up = !item->has_terminal;
}

static void describe_mqueue(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  file->kind = KIND(MESSAGE_QUEUE);
  file->message_queue = message_queue_describe(c->d, item);
}

static bool is_channel(const struct file_context *c, int fd) {
  return c->process->is_debugger && fd >= 0 && (fd == c->d->channel[0] || fd == c->d->channel[1]);
}

static void describe_kept(struct file_context *c, const struct descriptor *item, OpenFile *file) {
  file->kind = is_channel(c, item->fd) ? KIND(CHANNEL) : KIND(OUTSIDE);
}

static const struct {
  const struct descriptor_kind *kind;
  void (*describe)(struct file_context *c, const struct descriptor *item, OpenFile *file);
} kinds[] = {
    {&descriptor_file, describe_plain},
    {&descriptor_pipe, describe_pipe},
    {&descriptor_epoll, describe_epoll},
    {&descriptor_eventfd, describe_eventfd},
    {&descriptor_kept, describe_kept},
    {&descriptor_timerfd, describe_timerfd},
    {&descriptor_signalfd, describe_signalfd},
    {&descriptor_inotify, describe_inotify},
    {&descriptor_fanotify, describe_fanotify},
    {&descriptor_pidfd, describe_pidfd},
    {&descriptor_pty_master, describe_pty_master},
    {&descriptor_pty_slave, describe_pty_slave},
    {&descriptor_mqueue, describe_mqueue},
};

// ---- the table ----

static Snapback__Image__Lock *describe_lock(const struct file_lock *from) {
  Snapback__Image__Lock *lock = NEW(Lock, LOCK);
  lock->kind = (uint32_t)from->kind;
  lock->writes = from->writes;
  lock->start = from->start;
  lock->end = from->end;
  lock->signal = from->signal;
  return lock;
}

static void describe_locks(const struct descriptor *item, OpenFile *file) {
  for (size_t i = 0; i < item->info.locks; i++)
    APPEND(file->lock, file->n_lock, describe_lock(&item->info.lock[i]));
}

// Those of the open file itself are described with it; what is left are the process's own.
static void describe_own_locks(struct file_context *c, const struct descriptor *item) {
  for (size_t i = 0; i < item->info.locks; i++) {
    if (item->info.lock[i].kind != LOCK_OF_PROCESS)
      continue;
    Snapback__Image__HeldLock *held = NEW(HeldLock, HELD_LOCK);
    held->number = item->fd;
    held->lock = describe_lock(&item->info.lock[i]);
    APPEND(c->process->lock, c->process->n_lock, held);
  }
}

uint32_t describe_open_file(struct file_context *c, const struct descriptor *item) {
  Snapback__Image__Image *image = c->d->image;
  if (item->kind == &descriptor_socket)
    return describe_socket(c, c->sockets, item->socket);
  OpenFile *file = NEW(OpenFile, OPEN_FILE);
  APPEND(image->open_file, image->n_open_file, file);
  file->id = (uint32_t)image->n_open_file;
  file->flags = (uint32_t)item->info.flags & ~(uint32_t)O_CLOEXEC;
  file->position = item->info.position;
  file->outside_number = outside_number(c->d, item);
  file->file = describe_file(item->link, &item->stat);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (kinds[i].kind == item->kind)
      kinds[i].describe(c, item, file);
  if (file->kind == KIND(CHANNEL))
    file->outside_number = item->fd == c->d->channel[1];
  // A socket of the caller that has come by another way: its number says which.
  if (file->kind == KIND(OUTSIDE) && file->outside_number < 0)
    file->outside_number = item->fd < OUTSIDE_FILES ? item->fd : -1;
  describe_locks(item, file);
  return file->id;
}

static uint32_t *described_file(struct describing *d, uint32_t number) {
  if (number >= d->files) {
    d->file = must_realloc(d->file, number + 1, sizeof *d->file);
    memset(d->file + d->files, 0, (number + 1 - d->files) * sizeof *d->file);
    d->files = number + 1;
  }
  return &d->file[number];
}

static uint32_t describe_leader(struct file_context *c, const struct descriptor *item) {
  if (!item->file)
    return describe_open_file(c, item);
  uint32_t *known = described_file(c->d, item->file);
  if (*known)
    describe_own_locks(c, item);
  else
    *known = describe_open_file(c, item);
  return *known;
}

void descriptors_describe(struct describing *d, const struct descriptors *all, Snapback__Image__Process *process) {
  struct file_context c = {.d = d, .process = process, .sockets = all->sockets};
  controlling_terminal_describe(d->image, &all->terminal, process->pid);
  _cleanup_free_ uint32_t *ids = must_alloc((all->count + 1) * sizeof *ids);
  for (size_t i = 0; i < all->count; i++) {
    const struct descriptor *item = &all->item[i];
    ids[i] = item->leader == (int)i ? describe_leader(&c, item) : ids[item->leader];
    Snapback__Image__Descriptor *descriptor = NEW(Descriptor, DESCRIPTOR);
    descriptor->number = item->fd;
    descriptor->open_file = ids[i];
    descriptor->close_on_exec = item->info.flags & O_CLOEXEC;
    APPEND(process->descriptor, process->n_descriptor, descriptor);
  }
}

void describing_done(struct describing *d) {
  free(d->kept);
  free(d->object);
  free(d->pipe);
  free(d->file);
  free(d->queue);
  free(d->socket_file);
  free(d->socket_number);
}
