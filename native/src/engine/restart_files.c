// SPDX-License-Identifier: EPL-2.0
// Restart: the files that the program had mapped and open. Are they still there, and the same?
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/restart_state.h"
#include "resource/identity.h"
#include "resource/mqueue.h"
#include "resource/space.h"

typedef Snapback__Image__FileIdentity file_identity_then;

#define OPEN(name) SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_##name

enum { PERMISSIONS = 07777 };

// ---- today's paths ----

static size_t matching(const struct path_change *change, const char *path) {
  size_t n = strlen(change->from);
  while (n > 1 && change->from[n - 1] == '/')
    n--;
  return strncmp(path, change->from, n) == 0 && (path[n] == '/' || path[n] == 0) ? n : 0;
}

char *restart_path(const struct restart *r, const char *path) {
  size_t longest = 0;
  const struct path_change *best = NULL;
  for (size_t i = 0; i < r->options.paths; i++) {
    size_t n = matching(&r->options.path[i], path);
    if (n > longest) {
      longest = n;
      best = &r->options.path[i];
    }
  }
  return best ? must_format("%s%s", best->to, path + longest) : must_strdup(path);
}

// ---- one file ----

static const Snapback__Image__KeptFile *kept_file(const struct restart *r, const file_identity_then *f) {
  for (size_t i = 0; i < r->metadata->n_kept_file; i++) {
    const Snapback__Image__KeptFile *kept = r->metadata->kept_file[i];
    if (strcmp(kept->file->path, f->path) == 0 && kept->file->deleted == f->deleted)
      return kept;
  }
  return NULL;
}

// A FIFO without a name has no contents but those in flight, which the image holds.
static bool is_put_back(const struct restart *r, const file_identity_then *f) {
  if (f->deleted && S_ISFIFO(f->mode))
    return true;
  return kept_file(r, f) && (f->deleted || r->options.files);
}

static int refuse_deleted(const file_identity_then *f, struct error *e) {
  return error_set(e, ERROR_REFUSED,
                   "the program used the file %s, which had been deleted or replaced, and the image does not hold its "
                   "contents",
                   f->path);
}

static int refuse_missing(const struct restart *r, const file_identity_then *f, const char *path, int reason,
                          struct error *e) {
  if (reason == -ENOENT || reason == -ENOTDIR)
    return error_set(e, ERROR_REFUSED, "the program uses the file %s, which is not there: put it back%s", path,
                     kept_file(r, f) ? ", let --files do it" : ", or say with --map-path where its folder is now");
  return error_set_errno(e, reason, "cannot open %s, which the program uses", path);
}

static int refuse_build(const char *path, struct error *e) {
  return error_set(e, ERROR_REFUSED,
                   "%s is another build than the one that the program was running: put that one back, or say with "
                   "--map-path where it is",
                   path);
}

static int refuse_changed(const struct restart *r, const file_identity_then *f, const struct file_identity *now,
                          const char *path, struct error *e) {
  const char *advice = kept_file(r, f) ? "let --files put the old contents back, or go on as it is with --force"
                                       : "put the old file back, or go on as it is with --force";
  if (now->size != f->size)
    return error_set(e, ERROR_REFUSED, "%s has %llu bytes, and had %llu when the snapshot was taken: %s", path,
                     (unsigned long long)now->size, (unsigned long long)f->size, advice);
  return error_set(e, ERROR_REFUSED, "%s is not as it was when the snapshot was taken (it was changed %s): %s", path,
                   now->modified_ns > f->modified_ns ? "later" : "earlier", advice);
}

static bool has_build(const file_identity_then *f) { return f->build_id.len > 0; }

static bool same_build(const file_identity_then *f, const struct file_identity *now) {
  return f->build_id.len == now->build_id_size && memcmp(f->build_id.data, now->build_id, now->build_id_size) == 0;
}

// 1: as it was, or it need not be; 0: its contents are to be put back; -1: refused.
static int compare(const struct restart *r, const struct recreated_file *file, struct error *e) {
  const file_identity_then *f = file->identity;
  struct file_identity now;
  int result = identity_read(file->fd, &now);
  if (result < 0)
    return error_set_errno(e, result, "cannot read %s", file->path);
  if ((now.mode & S_IFMT) != (f->mode & S_IFMT))
    return error_set(e, ERROR_REFUSED, "%s is another kind of file than when the snapshot was taken", file->path);
  if (!S_ISREG(now.mode))
    return 1;
  if (has_build(f))
    return same_build(f, &now) ? 1 : refuse_build(file->path, e);
  if (now.size == f->size && now.modified_ns == f->modified_ns)
    return 1;
  if (is_put_back(r, f))
    return 0;
  return r->options.force ? 1 : refuse_changed(r, f, &now, file->path, e);
}

static int check_file(struct restart *r, const file_identity_then *f, struct error *e) {
  if (!f || recreation_file(r->files, f))
    return 0;
  if (f->deleted && !is_put_back(r, f))
    return refuse_deleted(f, e);
  struct recreated_file *file = recreation_add_file(r->files, f, restart_path(r, f->path));
  if (f->deleted)
    return 0;
  file->fd = open(file->path, O_PATH | O_CLOEXEC);
  if (file->fd < 0)
    return is_put_back(r, f) ? 0 : refuse_missing(r, f, file->path, -errno, e);
  int same = compare(r, file, e);
  if (same == 0)
    (void)close(fd_take(&file->fd));
  return same < 0 ? -1 : 0;
}

// ---- all of them ----

static int check_executable(struct restart *r, struct error *e) {
  const file_identity_then *f = r->process->executable;
  r->executable = restart_path(r, f->path);
  if (f->deleted)
    return error_set(
        e, ERROR_REFUSED,
        "the program's executable %s had been deleted or replaced when the snapshot was taken, so it cannot "
        "be started again",
        f->path);
  if (check_file(r, f, e) < 0)
    return -1;
  return access(r->executable, X_OK) < 0
             ? error_set_errno(e, -errno, "cannot run the program's executable %s", r->executable)
             : 0;
}

// A private view of a file that is gone has all its pages in the image.
static bool is_whole_in_image(const Snapback__Image__Mapping *m) {
  return m->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_FILE_PRIVATE && m->file->deleted;
}

static int check_mappings(struct restart *r, struct error *e) {
  for (size_t i = 0; i < r->process->n_mapping; i++) {
    const Snapback__Image__Mapping *m = r->process->mapping[i];
    bool is_file = m->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_FILE_PRIVATE ||
                   m->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_FILE_SHARED;
    if (!is_file || m->shared_object || !m->file || is_whole_in_image(m))
      continue;
    if (check_file(r, m->file, e) < 0)
      return -1;
  }
  return 0;
}

static int check_open_file(struct restart *r, const Snapback__Image__OpenFile *f, struct error *e) {
  if (f->kind == OPEN(OUTSIDE) && f->outside_number < 0)
    return error_set(e, ERROR_REFUSED,
                     "the program had a pipe or socket of its caller open besides standard input, output and error; "
                     "nothing can take its place");
  bool is_file = f->kind == OPEN(FILE) || f->kind == OPEN(FIFO) || f->kind == OPEN(DEVICE);
  return is_file ? check_file(r, f->file, e) : 0;
}

// Visible shared memory has outlived the program, or is another program's by now.
static int check_object(const struct restart *r, const Snapback__Image__SharedObject *o, struct error *e) {
  if (o->kind != SNAPBACK__IMAGE__SHARED_OBJECT_KIND__SHARED_OBJECT_KIND_FILE || o->deleted || r->options.force)
    return 0;
  _cleanup_free_ char *path = restart_path(r, o->name);
  return access(path, F_OK) < 0
             ? 0
             : error_set(e, ERROR_REFUSED,
                         "the shared memory %s is there already: if no other program uses it, remove it, or let "
                         "--force put its old contents back",
                         path);
}

static int check_queue(const struct restart *r, const Snapback__Image__MessageQueue *q, struct error *e) {
  return q->deleted || r->options.force || !message_queue_exists(q->name)
             ? 0
             : error_set(
                   e, ERROR_REFUSED,
                   "the message queue %s is there already: if no other program uses it, remove it, or let --force "
                   "put its old messages back",
                   q->name);
}

static int check_directory(struct restart *r, struct error *e) {
  struct stat st;
  r->directory = restart_path(r, r->process->working_directory);
  if (stat(r->directory, &st) < 0)
    return error_set(e, ERROR_REFUSED,
                     "the program's working directory %s is not there: make it, or say with --map-path where it is now",
                     r->directory);
  return S_ISDIR(st.st_mode) ? 0 : error_set(e, ERROR_REFUSED, "%s is not a folder", r->directory);
}

static bool is_of(const Snapback__Image__Process *p, uint32_t id) {
  for (size_t i = 0; i < p->n_descriptor; i++)
    if (p->descriptor[i]->open_file == id)
      return true;
  return false;
}

// What no process has is on its way through a socket.
static bool is_in_flight(const struct restart *r, uint32_t id) {
  for (size_t i = 0; i < r->metadata->n_process; i++)
    if (is_of(r->metadata->process[i], id))
      return false;
  return true;
}

static bool is_of_process(const struct restart *r, uint32_t id) { return is_of(r->process, id) || is_in_flight(r, id); }

int restart_check_files(struct restart *r, struct error *e) {
  if (check_executable(r, e) < 0 || check_mappings(r, e) < 0)
    return -1;
  for (size_t i = 0; i < r->metadata->n_shared_object; i++)
    if (check_object(r, r->metadata->shared_object[i], e) < 0)
      return -1;
  for (size_t i = 0; i < r->metadata->n_message_queue; i++)
    if (check_queue(r, r->metadata->message_queue[i], e) < 0)
      return -1;
  for (size_t i = 0; i < r->metadata->n_open_file; i++)
    if (is_of_process(r, r->metadata->open_file[i]->id) && check_open_file(r, r->metadata->open_file[i], e) < 0)
      return -1;
  return check_directory(r, e);
}

// ---- kept files ----

static int open_nameless(const char *path, mode_t mode) {
  _cleanup_free_ char *folder = must_strdup(path);
  char *slash = strrchr(folder, '/');
  if (slash)
    slash[slash == folder] = 0;
  int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode & PERMISSIONS);
  if (fd < 0)
    fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, mode & PERMISSIONS);
  return fd < 0 ? -errno : fd;
}

// It has a name for a moment only.
static int make_fifo(const char *path, mode_t mode) {
  _cleanup_free_ char *name = must_format("%s.restart-%d", path, (int)getpid());
  if (mkfifo(name, mode & PERMISSIONS) < 0)
    return -errno;
  (void)chmod(name, mode & PERMISSIONS);  // whatever the umask
  int fd = open(name, O_PATH | O_CLOEXEC), r = fd < 0 ? -errno : fd;
  (void)unlink(name);
  return r;
}

static int open_named(const char *path, mode_t mode) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode & PERMISSIONS);
  return fd < 0 ? -errno : fd;
}

static int write_contents(const struct restart *r, const Snapback__Image__KeptFile *kept, int fd, struct error *e) {
  int64_t then = kept->file->modified_ns;
  struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {then / 1000000000, then % 1000000000}};
  if (ftruncate(fd, 0) < 0)
    return -errno;
  if (space_copy_to_file(r->image, kept->space, fd, e) < 0)
    return -1;
  if (ftruncate(fd, (off_t)kept->file->size) < 0)  // the last page was written whole
    return -errno;
  (void)futimens(fd, times);  // so that it counts as the same file next time
  return 0;
}

static int put_back(struct restart *r, struct recreated_file *file, struct error *e) {
  const file_identity_then *f = file->identity;
  const Snapback__Image__KeptFile *kept = kept_file(r, f);
  if (S_ISFIFO(f->mode)) {
    file->fd = make_fifo(file->path, f->mode);
    return file->fd < 0 ? error_set_errno(e, file->fd, "cannot make the FIFO %s again", file->path) : 0;
  }
  file->fd = f->deleted ? open_nameless(file->path, f->mode) : open_named(file->path, f->mode);
  if (file->fd >= 0)
    (void)fchmod(file->fd, f->mode & PERMISSIONS);  // whatever the umask
  int result = file->fd < 0 ? file->fd : write_contents(r, kept, file->fd, e);
  return result < 0 ? error_set_errno(e, result, "cannot put the contents of %s back", file->path) : 0;
}

int restart_put_files_back(struct restart *r, struct error *e) {
  for (size_t i = 0; i < r->files->files; i++)
    if (r->files->file[i].fd < 0 && put_back(r, &r->files->file[i], e) < 0)
      return -1;
  return 0;
}
