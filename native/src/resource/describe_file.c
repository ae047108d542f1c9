// SPDX-License-Identifier: EPL-2.0
// What an image tells of a file, so that a restart knows whether it is still the same.
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "resource/describe.h"
#include "resource/identity.h"

static const char deleted_mark[] = " (deleted)";

bool link_is_deleted(const char *link) {
  size_t length = strlen(link), mark = sizeof deleted_mark - 1;
  return length > mark && strcmp(link + length - mark, deleted_mark) == 0;
}

static Snapback__Image__FileIdentity *named(const char *link) {
  Snapback__Image__FileIdentity *file = NEW(FileIdentity, FILE_IDENTITY);
  file->deleted = link_is_deleted(link);
  size_t length = strlen(link) - (file->deleted ? sizeof deleted_mark - 1 : 0);
  file->path = must_format("%.*s", (int)length, link);
  return file;
}

Snapback__Image__FileIdentity *describe_file(const char *link, const struct stat *st) {
  Snapback__Image__FileIdentity *file = named(link);
  file->size = (uint64_t)st->st_size;
  file->modified_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
  file->mode = st->st_mode;
  return file;
}

// Not the device: some file systems (btrfs, overlayfs) show another one in /proc/PID/maps.
static bool is_still(int fd, ino_t inode) {
  struct stat st;
  return fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == inode;
}

Snapback__Image__FileIdentity *describe_named_file(const char *link, uint64_t inode) {
  Snapback__Image__FileIdentity *file = named(link);
  struct file_identity identity;
  _cleanup_fd_ int fd = file->deleted ? -1 : open(file->path, O_PATH | O_CLOEXEC);
  if (!is_still(fd, inode) || identity_read(fd, &identity) < 0) {
    file->deleted = true;
    return file;
  }
  file->size = identity.size;
  file->modified_ns = identity.modified_ns;
  file->mode = identity.mode;
  if (identity.build_id_size)
    set_bytes(&file->build_id, identity.build_id, identity.build_id_size);
  return file;
}
