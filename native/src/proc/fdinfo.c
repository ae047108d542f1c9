// SPDX-License-Identifier: EPL-2.0
// /proc/PID/fd and /proc/PID/fdinfo.
#include "proc/fdinfo.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "proc/numbers.h"

enum { FDINFO_MAX = 64 * 1024 * 1024 };

// "tfd: 5 events: 19 data: 5  pos:0 ino:1 sdev:2"
static int parse_watch(const char *line, struct epoll_watch *w) {
  unsigned long long data = 0, inode = 0;
  if (sscanf(line, "tfd: %d events: %x data: %llx", &w->fd, &w->events, &data) != 3)
    return -EBADMSG;
  const char *at = strstr(line, " ino:"), *end = strchr(line, '\n');
  if (at && (!end || at < end))
    inode = strtoull(at + 5, NULL, 16);
  w->data = data;
  w->inode = inode;
  w->holder = w->fd;
  return 0;
}

// "lock:	1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF"
static int parse_lock(const char *line, struct file_lock *l) {
  static const char *const kinds[] = {"FLOCK", "POSIX", "OFDLCK", "LEASE"};
  char kind[16], state[16], access[16], end[32];
  unsigned long long start;
  if (sscanf(line, "lock: %*d: %15s %15s %15s %*d %*x:%*x:%*u %llu %31s", kind, state, access, &start, end) != 5)
    return -EBADMSG;
  *l = (struct file_lock){.kind = LOCK_OTHER, .writes = strcmp(access, "WRITE") == 0, .start = start};
  for (unsigned k = 0; k < LOCK_OTHER; k++)
    if (strcmp(kind, kinds[k]) == 0)
      l->kind = (enum file_lock_kind)k;
  if (l->kind == LOCK_LEASE && strcmp(state, "ACTIVE") != 0)  // somebody waits for it
    l->kind = LOCK_OTHER;
  l->end = strcmp(end, "EOF") == 0 ? UINT64_MAX : strtoull(end, NULL, 10);
  return 0;
}

static size_t parse_hex(const char *text, unsigned char *ret, size_t most) {
  size_t n = 0;
  for (unsigned byte; n < most && sscanf(text + 2 * n, "%2x", &byte) == 1 && isxdigit((unsigned char)text[2 * n + 1]);)
    ret[n++] = (unsigned char)byte;
  return n;
}

// " fhandle-bytes:8 fhandle-type:1 f_handle:e302000000000000", where the kernel can tell it
static void parse_handle(const char *text, struct file_watch *w) {
  unsigned bytes = 0, type = 0;
  int at = 0;
  (void)sscanf(text, " fhandle-bytes:%x fhandle-type:%x f_handle:%n", &bytes, &type, &at);
  w->handle_type = (int)type;
  w->handle_size = at && bytes <= sizeof w->handle ? parse_hex(text + at, w->handle, bytes) : 0;
}

static int take_watch(struct file_watch *w, unsigned long long inode, unsigned device, const char *handle) {
  enum { MINOR_BITS = 20, MINOR_MASK = (1 << MINOR_BITS) - 1 };  // of the kernel's own dev_t
  w->inode = inode;
  w->device = makedev(device >> MINOR_BITS, device & MINOR_MASK);
  parse_handle(handle, w);
  return 0;
}

// "inotify wd:2 ino:2e3 sdev:fe00000 mask:2 ignored_mask:0 fhandle-bytes:…"
static int parse_inotify(const char *line, struct file_watch *w) {
  unsigned long long inode;
  unsigned device;
  int at = 0;
  *w = (struct file_watch){0};
  int n = sscanf(line, "inotify wd:%x ino:%llx sdev:%x mask:%x ignored_mask:%*x%n", (unsigned *)&w->number, &inode,
                 &device, &w->events, &at);
  return n < 4 || w->number < 0 ? -EBADMSG : take_watch(w, inode, device, line + at);
}

// "fanotify ino:2e3 sdev:fe00000 mflags:40 mask:2 ignored_mask:20 fhandle-bytes:…"
static int parse_mark(const char *line, struct file_watch *w) {
  unsigned long long inode;
  unsigned device;
  int at = 0;
  *w = (struct file_watch){0};
  int n = sscanf(line, "fanotify ino:%llx sdev:%x mflags:%x mask:%x ignored_mask:%x%n", &inode, &device, &w->flags,
                 &w->events, &w->ignored, &at);
  return n < 5 ? -EBADMSG : take_watch(w, inode, device, line + at);
}

static void parse_group(const char *line, struct fanotify_group *g) {
  if (sscanf(line, "fanotify flags:%x event-flags:%x", &g->flags, &g->event_flags) < 2)
    g->has_other_marks = true;
}

// "it_value: (0, 49406829)"
static bool parse_span(const char *line, const char *name, uint64_t *ret) {
  enum { SECOND_NS = 1000000000 };
  unsigned long long seconds, ns;
  size_t length = strlen(name);
  if (strncmp(line, name, length) != 0 || sscanf(line + length, ": (%llu, %llu)", &seconds, &ns) != 2)
    return false;
  *ret = seconds * SECOND_NS + ns;
  return true;
}

static void parse_timer(const char *line, struct fdinfo *i) {
  struct timerfd_state *t = &i->timer;
  unsigned long long ticks;
  if (sscanf(line, "ticks: %llu", &ticks) == 1)
    t->ticks = ticks;
  else if (!parse_span(line, "it_value", &t->value_ns) && !parse_span(line, "it_interval", &t->interval_ns) &&
           sscanf(line, "clockid: %d", &t->clock) != 1)
    (void)sscanf(line, "settime flags: %o", (unsigned *)&t->settime_flags);
}

struct capacities {
  size_t watches, locks, file_watches;
};

static int parse_line(const char *line, struct fdinfo *i, struct capacities *room) {
  long long number;
  unsigned long long big;
  unsigned flags;
  int yes;
  if (strncmp(line, "tfd:", 4) == 0) {
    array_reserve(i->watch, i->watches, room->watches);
    return parse_watch(line, &i->watch[i->watches++]);
  }
  if (strncmp(line, "inotify wd:", 11) == 0) {
    array_reserve(i->file_watch, i->file_watches, room->file_watches);
    return parse_inotify(line, &i->file_watch[i->file_watches++]);
  }
  if (strncmp(line, "fanotify ino:", 13) == 0) {
    array_reserve(i->file_watch, i->file_watches, room->file_watches);
    return parse_mark(line, &i->file_watch[i->file_watches++]);
  }
  if (strncmp(line, "lock:", 5) == 0) {
    array_reserve(i->lock, i->locks, room->locks);
    return parse_lock(line, &i->lock[i->locks++]);
  }
  if (sscanf(line, "pos: %lld", &number) == 1)
    i->position = number;
  else if (sscanf(line, "flags: %o", &flags) == 1)
    i->flags = (int)flags;
  else if (sscanf(line, "mnt_id: %llu", &big) == 1)
    i->mount = big;
  else if (sscanf(line, "ino: %llu", &big) == 1)
    i->inode = big;
  else if (sscanf(line, "eventfd-count: %llx", &big) == 1)
    i->count = big;
  else if (sscanf(line, "eventfd-id: %lld", &number) == 1)
    i->id = number;
  else if (sscanf(line, "eventfd-semaphore: %d", &yes) == 1)
    i->semaphore = yes;
  else if (sscanf(line, "sigmask: %llx", &big) == 1)
    i->signals = big;
  else if (sscanf(line, "Pid: %lld", &number) == 1)
    i->process = (int)number;
  else if (sscanf(line, "tty-index: %lld", &number) == 1)
    i->terminal = (int)number;
  else if (strncmp(line, "fanotify ", 9) == 0)
    parse_group(line, &i->fanotify);
  else
    parse_timer(line, i);
  return 0;
}

int fdinfo_parse(const char *text, struct fdinfo *ret) {
  *ret = (struct fdinfo){.id = -1, .terminal = -1};
  struct capacities room = {0};
  bool any = false;
  for (const char *line = text; line && *line;) {
    if (parse_line(line, ret, &room) < 0) {
      fdinfo_done(ret);
      return -EBADMSG;
    }
    any = true;
    line = strchr(line, '\n');
    line = line ? line + 1 : NULL;
  }
  return any ? 0 : -EBADMSG;
}

int fdinfo_read(pid_t pid, int fd, struct fdinfo *ret) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);
  _cleanup_free_ char *text = NULL;
  *ret = (struct fdinfo){.id = -1, .terminal = -1};
  int r = file_read_record(path, FDINFO_MAX, &text);
  return r < 0 ? r : fdinfo_parse(text, ret);
}

void fdinfo_done(struct fdinfo *i) {
  free(i->watch);
  free(i->lock);
  free(i->file_watch);
  i->watch = NULL;
  i->lock = NULL;
  i->file_watch = NULL;
  i->watches = i->locks = i->file_watches = 0;
}

int descriptor_list(pid_t pid, int **ret, size_t *ret_count) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/fd", pid);
  return numbers_in(path, ret, ret_count);
}

int descriptor_link(pid_t pid, int fd, char **ret) {
  char path[64], target[PATH_MAX + 1];
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
  ssize_t n = readlink(path, target, sizeof target - 1);
  if (n < 0)
    return -errno;
  target[n] = 0;
  *ret = must_strdup(target);
  return 0;
}
