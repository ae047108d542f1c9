// SPDX-License-Identifier: EPL-2.0
// What inotify sets and fanotify groups have in common.
//
// A watched file is known by its name and not pinned: the kernel tells of its end only when nobody has it any more.
#include "resource/watched_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "kernel/calls.h"

static struct sought_file describe_file(const struct file_watch *from) {
  struct sought_file f = {.device = from->device,
                          .inode = from->inode,
                          .handle_type = from->handle_type,
                          .handle_size = from->handle_size,
                          .pin = -1};
  memcpy(f.handle, from->handle, from->handle_size);
  return f;
}

static struct watched_file describe_watch(const struct file_watch *from, struct sought_file *found) {
  struct stat st;
  struct watched_file w = {.watch = *from, .file = *found};
  w.is_link = found->pin >= 0 && fstat(found->pin, &st) == 0 && S_ISLNK(st.st_mode);
  cleanup_fd(&found->pin);
  w.file.pin = -1;
  return w;
}

// The search is for all at once, and wants them in one row.
struct watched_files watched_files_find(pid_t pid, const struct descriptors *all, const struct file_watch *list,
                                        size_t count) {
  struct watched_files files = {.item = must_alloc((count + 1) * sizeof *files.item), .count = count};
  _cleanup_free_ struct sought_file *sought = must_alloc((count + 1) * sizeof *sought);
  for (size_t i = 0; i < count; i++)
    sought[i] = describe_file(&list[i]);
  if (count)
    files_find(pid, all, sought, count);
  for (size_t i = 0; i < count; i++)
    files.item[i] = describe_watch(&list[i], &sought[i]);
  return files;
}

void watched_files_done(struct watched_files *files) {
  for (size_t i = 0; i < files->count; i++)
    sought_file_done(&files->item[i].file);
  free(files->item);
  *files = (struct watched_files){0};
}

void watching_capture(pid_t pid, const struct descriptors *all, struct descriptor *d) {
  struct watched_files *files = d->own = must_alloc(sizeof *files);
  *files = watched_files_find(pid, all, d->info.file_watch, d->info.file_watches);
}

void watching_done(struct descriptor *d) {
  watched_files_done(d->own);
  free(d->own);
  d->own = NULL;
}

int watching_restore(struct executor *x, const struct descriptor *d, const char *what,
                     int (*mend)(pid_t pid, int fd, const struct watched_files *then, const struct fdinfo *now),
                     struct error *e) {
  pid_t pid = executor_pid(x);
  struct fdinfo now;
  _cleanup_fd_ int pidfd = kernel_pidfd_open(pid);
  _cleanup_fd_ int fd = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, d->fd);
  int r = fd < 0 ? fd : fdinfo_read(pid, d->fd, &now);
  if (r == 0) {
    r = mend(pid, fd, d->own, &now);
    fdinfo_done(&now);
  }
  return r < 0 ? error_set_errno(e, r, "cannot put back %s %d of process %d", what, d->fd, pid) : 0;
}

int watching_drop_events(int fd) {
  char bytes[65536];
  int waiting = 0;
  while (ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0)
    if (read(fd, bytes, sizeof bytes) <= 0)
      return -errno;
  return 0;
}

int refuse_nameless_file(pid_t pid, const struct descriptor *d, const char *what, const struct watched_file *w,
                         struct error *e) {
  _cleanup_free_ char *watch = w->watch.number ? must_format("watch %d, ", w->watch.number) : must_strdup("");
  return error_set(e, ERROR_REFUSED,
                   "%s %d of process %d watches a file (%sinode %llu) whose name cannot be found: stop watching it, or "
                   "let the program work in a folder above it",
                   what, d->fd, pid, watch, (unsigned long long)w->watch.inode);
}
