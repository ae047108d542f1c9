// SPDX-License-Identifier: EPL-2.0
// The files that programs watch in these tests, in a folder of their own, and what is done to them.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live.h"

// Of the "files" one is a symbolic link to another one, and the last is their folder.
enum { FILES = 6, LINK = FILES - 2, FOLDER = FILES - 1, PATIENCE = 100 };

static char folder[200];

static const char *path_of(unsigned i) {
  static char path[256];
  if (i == FOLDER)
    snprintf(path, sizeof path, "%s", folder);
  else
    snprintf(path, sizeof path, "%s/%u", folder, i);
  return path;
}

// `kind`: a word for the name of the folder.
static void make_files(const char *kind) {
  snprintf(folder, sizeof folder, "%s/live-%s-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", kind);
  CHECK(mkdtemp(folder));
  for (unsigned i = 0; i < LINK; i++) {
    int fd = open(path_of(i), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
  }
  CHECK(symlink("0", path_of(LINK)) == 0);
}

// What comes and goes in the folder.
static const char *made_path(void) {
  static char path[256];
  snprintf(path, sizeof path, "%s/made", folder);
  return path;
}

static void touch(unsigned i) {
  if (i == FOLDER) {
    // Not opened: a snapshot that had it open would want it back.
    CHECK(mknod(made_path(), S_IFREG | 0600, 0) == 0 || errno == EEXIST);
    CHECK(unlink(made_path()) == 0 || errno == ENOENT);
    return;
  }
  if (i == LINK) {
    CHECK(utimensat(AT_FDCWD, path_of(i), NULL, AT_SYMLINK_NOFOLLOW) == 0);
    return;
  }
  int fd = open(path_of(i), O_WRONLY | O_CLOEXEC);
  CHECK(fd >= 0 && write(fd, "x", 1) == 1 && fchmod(fd, live_random(2) ? 0600 : 0640) == 0 && close(fd) == 0);
}

static void remove_files(void) {
  for (unsigned i = 0; i < FOLDER; i++)
    CHECK(unlink(path_of(i)) == 0);
  CHECK(unlink(made_path()) == 0 || errno == ENOENT);  // a rewind to before it was made has left it
  CHECK(rmdir(folder) == 0);
}
