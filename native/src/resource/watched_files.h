// SPDX-License-Identifier: EPL-2.0
// The files that an inotify(7) set or a fanotify(7) group watches, with their names, which /proc does not tell.
#pragma once

#include <stdint.h>

#include "resource/descriptors.h"
#include "resource/find_file.h"

struct watched_file {
  struct file_watch watch;
  struct sought_file file;
  bool is_link;  // a symbolic link that is watched itself
};

struct watched_files {
  struct watched_file *item;
  size_t count;
};

// `count` of them, by their names where these are found: else `file.path` is NULL. No file is held.
// `all`: what the process has open.
struct watched_files watched_files_find(pid_t pid, const struct descriptors *all, const struct file_watch *list,
                                        size_t count);
void watched_files_done(struct watched_files *files);

// A descriptor of the kernel's notifications: a row's functions, whose `own` is a struct watched_files.
void watching_capture(pid_t pid, const struct descriptors *all, struct descriptor *d);
void watching_done(struct descriptor *d);
// Runs `mend` with the living one, which is borrowed from the process. `what` names it, should that fail.
int watching_restore(struct executor *x, const struct descriptor *d, const char *what,
                     int (*mend)(pid_t pid, int fd, const struct watched_files *then, const struct fdinfo *now),
                     struct error *e);
// Reads what is unread, for nobody.
int watching_drop_events(int fd);
int refuse_nameless_file(pid_t pid, const struct descriptor *d, const char *what, const struct watched_file *w,
                         struct error *e);
