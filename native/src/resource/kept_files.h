// SPDX-License-Identifier: EPL-2.0
// Regular files that a session writes, for rewinds that take them back (--files=rewind).
//
// A snapshot keeps what was in each file that a process had open for writing, or mapped shared and writable. A rewind
// puts that back: in the file itself while its name leads to it; else in a new file under the old name, which takes its
// place for the session, so that a file which has been given another name is not touched. A name that was given to a
// file made since is taken from it; one that leads to an older file stays. What has not changed is not touched.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "proc/maps.h"
#include "resource/content_store.h"
#include "resource/descriptors.h"

struct kept_file {
  struct stat stat;  // as it was; device and inode are those of the file that is it now
  int pin;           // O_PATH
  char *path;        // NULL: it had no name any more
  bool is_mapped;
  struct content *content;
};

struct kept_files {
  struct kept_file *item;
  size_t count, capacity;
  struct timespec taken;
};

// Keeps what is in the large files that a running process has open for writing: once it is stopped, only what it has
// changed by then is to be kept. What cannot be is passed over.
void kept_files_begin(struct content_store *store, pid_t pid, struct kept_files *k);

// Adds the files that a stopped process writes; each is there once, whoever writes it. Refuses what cannot be kept.
int kept_files_add(pid_t pid, const struct descriptors *descriptors, const struct mappings *maps, struct kept_files *k,
                   struct error *e);
// Keeps what is in them, all who write to them being stopped.
int kept_files_keep(struct content_store *store, struct kept_files *k, struct error *e);
void kept_files_done(struct kept_files *k);

const struct kept_file *kept_files_find(const struct kept_files *k, dev_t device, ino_t inode);

// ---- the way back ----

// A rewind of files: first all that can fail is done, with the files untouched.
struct files_plan;

// `pid`: the processes of the session now, all stopped.
int files_plan(struct kept_files *k, const pid_t *pid, size_t pids, struct files_plan **ret, struct error *e);

// Files that are to take the place of others: for each, the pins of all who had the old one are to be changed.
struct file_successor {
  dev_t device;
  ino_t inode;
  const char *path;
  int fd;
  struct stat stat;
};
const struct file_successor *files_plan_successors(const struct files_plan *plan, size_t *ret_count);
void descriptors_succeed(struct descriptors *d, const struct file_successor *f);
bool kept_files_succeed(struct kept_files *k, const struct file_successor *f);  // it had the old one under that name

// `note` gets sentences about what was done, for the user.
int files_plan_carry_out(struct files_plan *plan, char *note, size_t size, struct error *e);
void files_plan_free(struct files_plan *plan);
