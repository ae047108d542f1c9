// SPDX-License-Identifier: EPL-2.0
// Which files a session writes, and what was in them.
#include "resource/kept_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/fdinfo.h"
#include "resource/shared_memory.h"

// What looks like a file and is none: writing to it is an order to the kernel.
static bool is_of_kernel(int pin) {
  enum { CONFIGFS = 0x62656570, MQUEUE = 0x19800202, BINFMT = 0x42494e4d };
  static const unsigned systems[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC,    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
                                     DEBUGFS_MAGIC,    TRACEFS_MAGIC,  SECURITYFS_MAGIC,   BPF_FS_MAGIC,
                                     EFIVARFS_MAGIC,   PSTOREFS_MAGIC, SELINUX_MAGIC,      SMACK_MAGIC,
                                     HUGETLBFS_MAGIC,  NSFS_MAGIC,     CONFIGFS,           MQUEUE,
                                     BINFMTFS_MAGIC};
  struct statfs fs;
  if (fstatfs(pin, &fs) < 0)
    return true;
  for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
    if ((unsigned)fs.f_type == systems[i])
      return true;
  return false;
}

static bool is_memory(const char *path) {
  return strncmp(path, "/memfd:", 7) == 0 || strncmp(path, "/dev/shm/", 9) == 0;
}

static bool is_written(const struct descriptor *d) {
  return d->kind == &descriptor_file && S_ISREG(d->stat.st_mode) && d->pin >= 0 && !(d->info.flags & O_PATH) &&
         (d->info.flags & O_ACCMODE) != O_RDONLY && !is_memory(d->link) && !is_of_kernel(d->pin);
}

static struct kept_file *find(const struct kept_files *k, dev_t device, ino_t inode) {
  for (size_t i = 0; i < k->count; i++)
    if (k->item[i].stat.st_dev == device && k->item[i].stat.st_ino == inode)
      return &k->item[i];
  return NULL;
}

const struct kept_file *kept_files_find(const struct kept_files *k, dev_t device, ino_t inode) {
  return find(k, device, inode);
}

static bool leads_to(const char *path, const struct stat *file) {
  struct stat at;
  return lstat(path, &at) == 0 && at.st_dev == file->st_dev && at.st_ino == file->st_ino;
}

// `pin` is taken over.
static struct kept_file *add(struct kept_files *k, int pin, const struct stat *at, const char *path) {
  array_reserve(k->item, k->count, k->capacity);
  struct kept_file *f = &k->item[k->count++];
  *f = (struct kept_file){.stat = *at, .pin = pin, .path = leads_to(path, at) ? must_strdup(path) : NULL};
  return f;
}

static int add_descriptors(const struct descriptors *all, struct kept_files *k, struct error *e) {
  for (size_t i = 0; i < all->count; i++) {
    const struct descriptor *d = &all->item[i];
    if (!is_written(d) || find(k, d->stat.st_dev, d->stat.st_ino))
      continue;
    int pin = fcntl(d->pin, F_DUPFD_CLOEXEC, 3);
    if (pin < 0)
      return error_set_errno(e, -errno, "cannot keep hold of %s", d->link);
    (void)add(k, pin, &d->stat, d->link);
  }
  return 0;
}

// Where a file system has several volumes, its mappings bear another device than its files.
static struct kept_file *find_mapped(const struct kept_files *k, const struct mapping *m) {
  for (size_t i = 0; i < k->count; i++) {
    const struct kept_file *f = &k->item[i];
    if (f->stat.st_ino == m->inode && (f->stat.st_dev == m->device || (f->path && strcmp(f->path, m->name) == 0)))
      return &k->item[i];
  }
  return NULL;
}

// What was taken for unchanged, because its times are, may have changed all the same: it is kept once more.
static void become_mapped(struct kept_file *f) {
  if (!f->is_mapped)
    content_release(f->content);
  if (!f->is_mapped)
    f->content = NULL;
  f->is_mapped = true;
}

static int add_mapped(pid_t pid, const struct mapping *m, struct kept_files *k, struct error *e) {
  _cleanup_fd_ int pin = open(m->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct stat at;
  if (pin < 0 || fstat(pin, &at) < 0 || at.st_ino != m->inode)
    return error_set(e, ERROR_REFUSED,
                     "process %d has %s mapped at %#lx and writes to it, and it has been deleted or replaced, so that "
                     "its contents cannot be kept: start the program without --files=rewind",
                     pid, m->name, (unsigned long)m->start);
  if (!S_ISREG(at.st_mode) || is_of_kernel(pin))
    return 0;
  add(k, fd_take(&pin), &at, m->name)->is_mapped = true;
  return 0;
}

static int add_mappings(pid_t pid, const struct mappings *maps, struct kept_files *k, struct error *e) {
  for (size_t i = 0; i < maps->count; i++) {
    const struct mapping *m = &maps->item[i];
    if (!m->shared || !m->inode || m->name[0] != '/' || mapping_is_shared_memory(m))
      continue;
    struct kept_file *known = find_mapped(k, m);
    if (known)
      become_mapped(known);
    else if ((m->protection & PROT_WRITE) && add_mapped(pid, m, k, e) < 0)
      return -1;
  }
  return 0;
}

int kept_files_add(pid_t pid, const struct descriptors *descriptors, const struct mappings *maps, struct kept_files *k,
                   struct error *e) {
  return add_descriptors(descriptors, k, e) < 0 || add_mappings(pid, maps, k, e) < 0 ? -1 : 0;
}

static const char *name_of(const struct kept_file *f) { return f->path ? f->path : "a file without a name"; }

static int keep(struct content_store *store, struct kept_file *f, struct error *e) {
  _cleanup_fd_ int fd = pin_open(f->pin, O_RDONLY);
  int r = fd < 0 ? fd : content_keep(store, fd, f->path, f->is_mapped, &f->content);
  if (r == 0)
    return fstat(fd, &f->stat) < 0 ? error_set_errno(e, -errno, "cannot look at %s", name_of(f)) : 0;
  if (fd < 0)
    return error_set(e, ERROR_REFUSED,
                     "%s, which the program writes, cannot be read (%s), so that its contents cannot be kept: make it "
                     "readable, or start the program without --files=rewind",
                     name_of(f), strerror(-r));
  if (r == -ENOSPC || r == -EDQUOT || r == -EFBIG || r == -ENOMEM)
    return error_set(e, ERROR_NO_MEMORY,
                     "there is no room to keep the contents of %s (%llu bytes), which the program writes: delete "
                     "snapshots, or let TMPDIR name a folder with more room when the session is started",
                     name_of(f), (unsigned long long)f->stat.st_size);
  return error_set_errno(e, r, "cannot keep the contents of %s, which the program writes", name_of(f));
}

static bool is_writable_there(pid_t pid, int fd) {
  struct fdinfo info;
  if (fdinfo_read(pid, fd, &info) < 0)
    return false;
  bool is_writable = (info.flags & O_ACCMODE) != O_RDONLY && !(info.flags & O_PATH);
  fdinfo_done(&info);
  return is_writable;
}

static void begin(struct content_store *store, pid_t pid, int fd, struct kept_files *k) {
  enum { LARGE = 4 << 20 };
  char path[64];
  struct stat at;
  _cleanup_free_ char *link = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
  if (stat(path, &at) < 0 || !S_ISREG(at.st_mode) || at.st_size < LARGE || find(k, at.st_dev, at.st_ino) ||
      !is_writable_there(pid, fd) || descriptor_link(pid, fd, &link) < 0 || is_memory(link))
    return;
  _cleanup_fd_ int pin = open(path, O_PATH | O_CLOEXEC);
  if (pin >= 0 && fstat(pin, &at) == 0 && S_ISREG(at.st_mode) && !is_of_kernel(pin))
    (void)keep(store, add(k, fd_take(&pin), &at, link), NULL);
}

void kept_files_begin(struct content_store *store, pid_t pid, struct kept_files *k) {
  _cleanup_free_ int *list = NULL;
  size_t count;
  if (descriptor_list(pid, &list, &count) < 0)
    return;
  for (size_t i = 0; i < count; i++)
    begin(store, pid, list[i], k);
}

int kept_files_keep(struct content_store *store, struct kept_files *k, struct error *e) {
  for (size_t i = 0; i < k->count; i++)
    if (!k->item[i].content && keep(store, &k->item[i], e) < 0)
      return -1;
  (void)clock_gettime(CLOCK_REALTIME_COARSE, &k->taken);  // that of files' times
  return 0;
}

void kept_files_done(struct kept_files *k) {
  for (size_t i = 0; i < k->count; i++) {
    (void)close(k->item[i].pin);
    free(k->item[i].path);
    content_release(k->item[i].content);
  }
  free(k->item);
  *k = (struct kept_files){0};
}
