// SPDX-License-Identifier: EPL-2.0
// Where the sessions' control sockets are, how they are named, and how one is claimed without a race.
#include "session/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/memory.h"

enum { BACKLOG = 128 };

static bool own_directory(const char *path) {
  struct stat st;
  return path && path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static int check_folder(const char *folder, struct error *e) {
  struct stat st;
  if (lstat(folder, &st))
    return error_set_errno(e, -errno, "cannot look at the folder of control sockets %s", folder);
  if (!S_ISDIR(st.st_mode))
    return error_set(e, ERROR_FAILED,
                     "%s is no folder, so no control socket can be kept there; set XDG_RUNTIME_DIR to a private folder",
                     folder);
  if (st.st_uid != geteuid())
    return error_set(e, ERROR_FAILED,
                     "%s is not a folder of this user (it belongs to user %u), so no control socket can be kept there; "
                     "set XDG_RUNTIME_DIR to a private folder",
                     folder, (unsigned)st.st_uid);
  if (st.st_mode & 077)
    return error_set(e, ERROR_FAILED, "the folder of control sockets %s is open to other users; run chmod 700 %s",
                     folder, folder);
  return 0;
}

int address_folder(bool make, char **ret_folder, struct error *e) {
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  _cleanup_free_ char *folder = own_directory(runtime) ? must_format("%s/snapback", runtime)
                                                       : must_format("/tmp/snapback-%u", (unsigned)geteuid());
  if (make && mkdir(folder, 0700) && errno != EEXIST)
    return error_set_errno(e, -errno, "cannot make the folder of control sockets %s", folder);
  if ((make || access(folder, F_OK) == 0) && check_folder(folder, e))
    return -1;
  *ret_folder = pointer_take(folder);
  return 0;
}

static bool name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._+@-", c));
}

bool address_name_valid(const char *name) {
  size_t n = strlen(name);
  if (n == 0 || n > SESSION_NAME_MAX || name[0] == '.' || name[0] == '-')
    return false;
  for (size_t i = 0; i < n; i++)
    if (!name_character(name[i]))
      return false;
  return true;
}

// The base name of a program as the beginning of a session's name.
static char *name_from(const char *base) {
  const char *slash = strrchr(base, '/');
  char *name = must_strdup(slash ? slash + 1 : base);
  if (strlen(name) > SESSION_NAME_MAX - 8)
    name[SESSION_NAME_MAX - 8] = 0;
  for (char *c = name; *c; c++)
    if (!name_character(*c))
      *c = '_';
  if (!name[0] || name[0] == '.' || name[0] == '-') {
    free(name);
    name = must_strdup("session");
  }
  return name;
}

char *address_path(const char *folder, const char *name) { return must_format("%s/%s.sock", folder, name); }

// An address holds 107 bytes only: a longer path is named by way of a descriptor `*ret_fd` of it or of its folder.
static int fill_address(const char *path, bool make, struct sockaddr_un *ret, int *ret_fd) {
  *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
  size_t n = strlen(path);
  if (n < sizeof ret->sun_path) {
    memcpy(ret->sun_path, path, n + 1);
    return 0;
  }
  const char *slash = strrchr(path, '/');
  if (!slash || (make && strlen(slash) > sizeof ret->sun_path - 32))
    return -ENAMETOOLONG;
  _cleanup_free_ char *folder = must_format("%.*s", (int)(slash - path), path);
  *ret_fd = open(make ? folder : path, O_PATH | O_CLOEXEC);
  if (*ret_fd < 0)
    return -errno;
  (void)snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d%s", *ret_fd, make ? slash : "");
  return 0;
}

int address_connect(const char *path) {
  struct sockaddr_un at;
  _cleanup_fd_ int held = -1;
  int r = fill_address(path, false, &at, &held);
  if (r < 0)
    return r;
  _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at))
    return -errno;
  return fd_take(&fd);
}

static int listen_at(const char *path) {
  struct sockaddr_un at;
  _cleanup_fd_ int held = -1;
  int r = fill_address(path, true, &at, &held);
  if (r < 0)
    return r;
  _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // The mode of the file is the mode of the socket at the time of bind.
  if (fd < 0 || fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&at, sizeof at))
    return -errno;
  if (listen(fd, BACKLOG)) {
    r = -errno;
    (void)unlink(path);
    return r;
  }
  return fd_take(&fd);
}

// Removes what stands at `path` if it is a socket of ours where nobody listens. 0, or -errno with -EADDRINUSE: somebody
// does.
static int remove_stale(const char *path) {
  struct stat st;
  if (lstat(path, &st))
    return errno == ENOENT ? 0 : -errno;
  if (!S_ISSOCK(st.st_mode))
    return -EEXIST;
  int fd = address_connect(path);
  if (fd >= 0) {
    (void)close(fd);
    return -EADDRINUSE;
  }
  if (fd != -ECONNREFUSED)
    return fd;
  return unlink(path) && errno != ENOENT ? -errno : 0;
}

// A file system without hard links gets the name by renaming, when nothing is there.
static int give_name(const char *beside, const char *path) {
  if (link(beside, path) == 0)
    return 0;
  if ((errno == EPERM || errno == EOPNOTSUPP) && access(path, F_OK) && errno == ENOENT)
    return rename(beside, path) ? -errno : 0;
  return access(path, F_OK) == 0 ? -EEXIST : -errno;
}

static int name_socket(struct address *a, const char *beside) {
  int r = 0;
  for (int attempt = 0; attempt < 3; attempt++) {
    r = give_name(beside, a->path);
    if (r != -EEXIST)
      return r;
    r = remove_stale(a->path);
    if (r < 0)
      return r;
  }
  return -EEXIST;
}

// Gives the listening socket its name at once, never over another's: nobody ever finds it bound but not listening. The
// address is complete before the name is there, for whoever has to remove it.
static int claim_path(struct address *a, const char *folder) {
  uint64_t random = 0;
  (void)getrandom(&random, sizeof random, 0);
  _cleanup_free_ char *beside = must_format("%s/" ADDRESS_UNNAMED "%016llx", folder, (unsigned long long)random);
  _cleanup_fd_ int fd = listen_at(beside);
  if (fd < 0)
    return fd;
  struct stat st = {0};
  (void)lstat(beside, &st);
  a->device = st.st_dev;
  a->inode = st.st_ino;
  int r = name_socket(a, beside);
  (void)unlink(beside);
  if (r == 0)
    a->fd = fd_take(&fd);
  return r;
}

static int set_path(struct address *a, char *path, struct error *e) {
  _cleanup_free_ char *text = path;
  if (strlen(text) >= sizeof a->path)
    return error_set(e, ERROR_BAD_REQUEST, "the path of the control socket is too long");
  memcpy(a->path, text, strlen(text) + 1);
  return 0;
}

static void set_name(struct address *a, const char *name) { (void)snprintf(a->name, sizeof a->name, "%s", name); }

static int claim_error(struct error *e, int r, const char *name, const char *path) {
  if (r == -EADDRINUSE && name)
    return error_set(e, ERROR_FAILED, "there is a session named %s already; choose another name", name);
  if (r == -EADDRINUSE)
    return error_set(e, ERROR_FAILED, "another session listens at %s; choose another path", path);
  if (r == -EEXIST)
    return error_set(e, ERROR_FAILED, "%s exists and is not a socket; choose another path", path);
  if (r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -EPERM || r == -EROFS)
    return error_set(e, ERROR_FAILED, "the control socket %s cannot be made in that folder; choose another path", path);
  return error_set_errno(e, r, "cannot make the control socket %s", path);
}

static int claim_control(struct address *a, const char *control, struct error *e) {
  _cleanup_free_ char *cwd = control[0] == '/' ? NULL : getcwd(NULL, 0);
  if (set_path(a, cwd ? must_format("%s/%s", cwd, control) : must_strdup(control), e))
    return -1;
  const char *slash = strrchr(a->path, '/');
  _cleanup_free_ char *folder = must_format("%.*s", (int)(slash - a->path), a->path);
  int r = claim_path(a, folder);
  return r < 0 ? claim_error(e, r, NULL, a->path) : 0;
}

static int claim_named(struct address *a, const char *folder, const char *name, struct error *e) {
  set_name(a, name);
  if (set_path(a, address_path(folder, name), e))
    return -1;
  int r = claim_path(a, folder);
  return r < 0 ? claim_error(e, r, name, a->path) : 0;
}

static int claim_numbered(struct address *a, const char *folder, const char *stem, struct error *e) {
  for (int number = 1; number < 10000; number++) {
    _cleanup_free_ char *name = must_format("%s-%d", stem, number);
    set_name(a, name);
    if (set_path(a, address_path(folder, name), e))
      return -1;
    int r = claim_path(a, folder);
    if (r != -EADDRINUSE && r != -EEXIST)
      return r < 0 ? claim_error(e, r, name, a->path) : 0;
  }
  return error_set(e, ERROR_FAILED, "there are too many sessions named %s already; give one a name by --name", stem);
}

int address_claim(struct address *a, const char *name, const char *base, const char *control, struct error *e) {
  *a = (struct address){.fd = -1};
  if (name && !address_name_valid(name))
    return error_set(e, ERROR_BAD_REQUEST,
                     "'%s' cannot be the name of a session; use up to %d letters, digits and . _ + @ -", name,
                     SESSION_NAME_MAX);
  _cleanup_free_ char *stem = name_from(base);
  if (control) {
    set_name(a, name ? name : stem);
    return claim_control(a, control, e);
  }
  _cleanup_free_ char *folder = NULL;
  if (address_folder(true, &folder, e))
    return -1;
  return name ? claim_named(a, folder, name, e) : claim_numbered(a, folder, stem, e);
}

void address_unlink(const struct address *a) {
  struct stat st;
  if (a->path[0] && lstat(a->path, &st) == 0 && st.st_dev == a->device && st.st_ino == a->inode)
    (void)unlink(a->path);
}
