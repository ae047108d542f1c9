// SPDX-License-Identifier: EPL-2.0
// Memory files of an image, made anew and filled: memfd, files in /dev/shm.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/memory.h"
#include "resource/recreate.h"
#include "resource/space.h"

typedef Snapback__Image__SharedObject shared_object;

enum { PERMISSIONS = 07777 };

#define KIND(name) SNAPBACK__IMAGE__SHARED_OBJECT_KIND__SHARED_OBJECT_KIND_##name

struct recreated_object *recreation_object(const struct recreation *c, uint32_t id) {
  for (size_t i = 0; i < c->objects; i++)
    if (c->object[i].from->id == id)
      return &c->object[i];
  return NULL;
}

// One that still has its name gets its old contents back, as in a rewind.
static int open_named(const char *path, mode_t mode) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode & PERMISSIONS);
  return fd < 0 ? -errno : fd;
}

// It gets its old name for a moment, if that is free, for /proc shows it for ever.
static int make_nameless(const char *path, mode_t mode) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & PERMISSIONS);
  if (fd >= 0) {
    (void)unlink(path);
    return fd;
  }
  _cleanup_free_ char *folder = must_strdup(path);
  char *slash = strrchr(folder, '/');
  if (slash)
    *slash = 0;
  fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode & PERMISSIONS);
  return fd < 0 ? -errno : fd;
}

static int make_file(const shared_object *from, const char *path) {
  int fd = -1;
  if (from->kind != KIND(FILE)) {
    fd = memfd_create(from->name ? from->name : "", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    fd = fd < 0 ? -errno : fd;
  } else {
    fd = from->deleted ? make_nameless(path, from->mode) : open_named(path, from->mode);
  }
  if (fd >= 0 && from->mode)
    (void)fchmod(fd, from->mode & PERMISSIONS);  // whatever the umask
  return fd;
}

static bool forbids_views(uint32_t seals) { return seals & F_SEAL_WRITE; }

static int seal(const struct recreated_object *o) {
  if (o->from->kind != KIND(MEMFD) || !o->from->seals)
    return 0;
  return fcntl(o->fd, F_ADD_SEALS, (int)o->from->seals) < 0 ? -errno : 0;
}

static int fill(const struct recreation *c, const struct recreated_object *o, struct error *e) {
  int r = fault(FAULT_restart_objects);
  if (r == 0 && ftruncate(o->fd, 0) < 0)
    r = -errno;
  if (r == 0 && space_copy_to_file(c->image, o->from->space, o->fd, e) < 0)
    return -1;
  if (r == 0 && ftruncate(o->fd, (off_t)o->from->size) < 0)  // the last page was written whole
    r = -errno;
  if (r == 0 && forbids_views(o->from->seals))
    r = seal(o);
  return r;
}

static int make_object(const struct recreation *c, struct recreated_object *o, const char *path, struct error *e) {
  o->fd = make_file(o->from, path);
  int r = o->fd < 0 ? o->fd : fill(c, o, e);
  return r < 0 ? error_set_errno(e, r, "cannot make the shared memory %s again", path) : 0;
}

static bool has_mapped(const Snapback__Image__Process *p, uint32_t id) {
  for (size_t i = 0; i < p->n_mapping; i++)
    if (p->mapping[i]->shared_object == id)
      return true;
  return false;
}

// Anonymous memory that several processes share has to come to them by a descriptor.
static bool is_of_several(const struct recreation *c, const shared_object *o) {
  size_t users = 0;
  for (size_t i = 0; i < c->metadata->n_process; i++)
    users += has_mapped(c->metadata->process[i], o->id);
  return users > 1;
}

int recreation_make_objects(struct recreation *c, char *(*path_of)(const void *data, const char *path),
                            const void *data, struct error *e) {
  c->object = must_alloc((c->metadata->n_shared_object + 1) * sizeof *c->object);
  for (size_t i = 0; i < c->metadata->n_shared_object; i++) {
    const shared_object *from = c->metadata->shared_object[i];
    struct recreated_object *o = &c->object[c->objects++];
    *o = (struct recreated_object){.from = from, .fd = -1};
    if (from->kind == KIND(ANONYMOUS) && !is_of_several(c, from))
      continue;
    _cleanup_free_ char *path = path_of(data, from->name ? from->name : "");
    if (make_object(c, o, path, e) < 0)
      return -1;
  }
  return 0;
}

int recreation_seal(const struct recreation *c, struct error *e) {
  for (size_t i = 0; i < c->objects; i++) {
    const struct recreated_object *o = &c->object[i];
    int r = o->fd >= 0 && !forbids_views(o->from->seals) ? seal(o) : 0;
    if (r < 0)
      return error_set_errno(e, r, "cannot seal the memory file %s again", o->from->name);
  }
  return 0;
}
