// SPDX-License-Identifier: EPL-2.0
// Finding a name for an inode: where the process works, what it has open, what its arguments and environment name.
//
// An ordinary user may turn a handle into a file only below a mount that is the session's own. So the places that the
// process is likely to know are looked through, by the inode numbers in their folders; no file has to be touched.
#include "resource/find_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif

enum { ENTRIES_MAX = 100000, WORDS_MAX = 1024 * 1024, KNOWN_MAX = 4096 };

struct search {
  struct sought_file *list;
  size_t count, missing;
  char **folder;  // to be looked through, in this order
  size_t folders, capacity;
  size_t entries;  // looked at
  bool tries_known;
};

// Names that were found before are where the next snapshot looks first. One thread at a time looks for files.
static struct {
  char *path[KNOWN_MAX];
  size_t next;
} known;

static void remember(const char *path) {
  if (path[0] != '/')
    return;
  char **place = &known.path[known.next++ % KNOWN_MAX];
  free(*place);
  *place = must_strdup(path);
}

// ---- is it this one? ----

// The device is another one than stat(2) tells in file systems that are made of several.
static bool has_handle(const char *path, const struct sought_file *f) {
  union {
    struct file_handle handle;
    unsigned char space[sizeof(struct file_handle) + SOUGHT_HANDLE_MAX];
  } of = {.handle.handle_bytes = SOUGHT_HANDLE_MAX};
  int mount;
  if (name_to_handle_at(AT_FDCWD, path, &of.handle, &mount, AT_HANDLE_FID) < 0) {
    of.handle.handle_bytes = SOUGHT_HANDLE_MAX;
    if (name_to_handle_at(AT_FDCWD, path, &of.handle, &mount, 0) < 0)
      return false;
  }
  return of.handle.handle_type == f->handle_type && of.handle.handle_bytes == f->handle_size &&
         memcmp(of.handle.f_handle, f->handle, f->handle_size) == 0;
}

static void accept_name(struct search *s, struct sought_file *f, const char *path) {
  f->pin = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (f->pin < 0)
    return;
  f->path = must_strdup(path);
  f->is_news = !s->tries_known;
  s->missing--;
}

// Whether `path` is one that is sought.
static void try_path(struct search *s, const char *path) {
  struct stat st;
  if (!s->missing || lstat(path, &st) < 0)
    return;
  for (size_t i = 0; i < s->count; i++) {
    struct sought_file *f = &s->list[i];
    if (f->pin < 0 && f->inode == st.st_ino && (f->device == st.st_dev || has_handle(path, f)))
      accept_name(s, f, path);
  }
}

// ---- by handle ----

static void try_handle(struct search *s, int mount, struct sought_file *f) {
  union {
    struct file_handle handle;
    unsigned char space[sizeof(struct file_handle) + SOUGHT_HANDLE_MAX];
  } of = {.handle = {.handle_bytes = (unsigned)f->handle_size, .handle_type = f->handle_type}};
  memcpy(of.handle.f_handle, f->handle, f->handle_size);
  _cleanup_fd_ int fd = open_by_handle_at(mount, &of.handle, O_PATH | O_CLOEXEC);
  char link[64], path[PATH_MAX];
  if (fd < 0)
    return;
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0)
    return;
  path[n] = 0;
  try_path(s, path);
}

static void try_handles_below(struct search *s, const char *folder) {
  _cleanup_fd_ int mount = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
  struct stat st;
  if (mount < 0 || fstat(mount, &st) < 0)
    return;
  for (size_t i = 0; s->missing && i < s->count; i++)
    if (s->list[i].pin < 0 && s->list[i].device == st.st_dev)
      try_handle(s, mount, &s->list[i]);
}

// ---- by looking around ----

static void add_folder(struct search *s, const char *path) {
  for (size_t i = 0; i < s->folders; i++)
    if (strcmp(s->folder[i], path) == 0)
      return;
  array_reserve(s->folder, s->folders, s->capacity);
  s->folder[s->folders++] = must_strdup(path);
}

// The path itself, and the folders that it is in.
static void add_place(struct search *s, const char *path) {
  struct stat st;
  _cleanup_free_ char *part = must_strdup(path);
  if (path[0] != '/' || strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0)
    return;
  for (char *slash = part + strlen(part); slash; slash = strrchr(part, '/')) {
    *slash = 0;
    try_path(s, *part ? part : "/");
    if (slash != part && stat(part, &st) == 0 && S_ISDIR(st.st_mode) && strcmp(part, "/dev") != 0)
      add_folder(s, part);
  }
}

static void add_words(struct search *s, pid_t pid, const char *of, const char *folder) {
  _cleanup_free_ char *name = must_format("/proc/%d/%s", (int)pid, of), *text = NULL;
  size_t size = 0;
  if (file_read(name, WORDS_MAX, &text, &size) < 0)
    return;
  for (const char *word = text; word < text + size; word += strlen(word) + 1) {
    const char *value = strchr(word, '=');
    value = value && value[1] == '/' ? value + 1 : word;
    _cleanup_free_ char *path = value[0] == '/' ? must_strdup(value) : must_format("%s/%s", folder, value);
    add_place(s, path);
  }
}

static void collect_places(struct search *s, pid_t pid, const struct descriptors *all) {
  char link[64], folder[PATH_MAX] = "/";
  (void)snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
  ssize_t n = readlink(link, folder, sizeof folder - 1);
  folder[n > 0 ? n : 1] = 0;
  add_place(s, folder);
  for (size_t i = 0; i < all->count; i++)
    add_place(s, all->item[i].link);
  add_words(s, pid, "cmdline", folder);
  add_words(s, pid, "environ", folder);
}

static bool is_inode_sought(const struct search *s, ino_t inode) {
  for (size_t i = 0; i < s->count; i++)
    if (s->list[i].pin < 0 && s->list[i].inode == inode)
      return true;
  return false;
}

// Folders in it are looked through after all that are known already.
static void look_through(struct search *s, const char *folder) {
  _cleanup_dir_ DIR *d = opendir(folder);
  const struct dirent *entry;
  while (d && s->missing && s->entries < ENTRIES_MAX && (entry = readdir(d))) {
    s->entries++;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    bool is_sought = is_inode_sought(s, entry->d_ino);
    if (!is_sought && entry->d_type != DT_DIR)
      continue;
    _cleanup_free_ char *path = must_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, entry->d_name);
    if (is_sought)
      try_path(s, path);
    if (entry->d_type == DT_DIR && strcmp(path, "/proc") != 0 && strcmp(path, "/sys") != 0) {
      array_reserve(s->folder, s->folders, s->capacity);
      s->folder[s->folders++] = must_strdup(path);
    }
  }
}

// A file without a name can be reached through whoever has it open.
static void try_open_files(struct search *s, const struct descriptors *all) {
  for (size_t i = 0; i < all->count; i++)
    for (size_t k = 0; k < s->count; k++) {
      const struct descriptor *d = &all->item[i];
      struct sought_file *f = &s->list[k];
      if (f->pin >= 0 || d->pin < 0 || d->stat.st_ino != f->inode || d->stat.st_dev != f->device)
        continue;
      f->pin = fcntl(d->pin, F_DUPFD_CLOEXEC, 3);
      f->path = must_strdup(d->link);
      s->missing -= f->pin >= 0;
    }
}

static void try_known(struct search *s) {
  s->tries_known = true;
  for (size_t i = 0; s->missing && i < KNOWN_MAX && known.path[i]; i++)
    try_path(s, known.path[i]);
  s->tries_known = false;
}

static void look_everywhere(struct search *s, pid_t pid, const struct descriptors *all) {
  try_handles_below(s, "/");
  if (s->missing)
    collect_places(s, pid, all);
  try_open_files(s, all);
  for (size_t i = 0, first = s->folders; s->missing && i < first; i++)
    try_handles_below(s, s->folder[i]);
  for (size_t i = 0; s->missing && i < s->folders && s->entries < ENTRIES_MAX; i++)
    look_through(s, s->folder[i]);
}

void files_find(pid_t pid, const struct descriptors *all, struct sought_file *list, size_t count) {
  struct search s = {.list = list, .count = count, .missing = count};
  try_known(&s);
  if (s.missing)
    look_everywhere(&s, pid, all);
  for (size_t i = 0; i < s.folders; i++)
    free(s.folder[i]);
  free(s.folder);
  for (size_t i = 0; i < count; i++)
    if (list[i].path && list[i].is_news)
      remember(list[i].path);
}

void sought_file_done(struct sought_file *f) {
  free(f->path);
  if (f->pin >= 0)
    (void)close(f->pin);
  f->path = NULL;
  f->pin = -1;
}
