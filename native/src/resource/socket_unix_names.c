// SPDX-License-Identifier: EPL-2.0
// Names of unix sockets: given again, in the file system and outside of it, and whose they are now.
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proto/image.pb-c.h"
#include "resource/socket_unix.h"

// ---- names ----

const char *unix_path_of(const struct socket_name *name) {
  return ((const struct sockaddr_un *)(const void *)&name->address)->sun_path;
}

char *unix_full_path(const struct socket_name *name, const char *folder) {
  bool is_relative = folder && *folder && unix_path_of(name)[0] != '/';
  return must_format("%s%s%s", is_relative ? folder : "", is_relative ? "/" : "", unix_path_of(name));
}

int unix_enter_folder(const char *folder) {
  if (!folder)
    return -1;
  int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  (void)!chdir(folder);  // the name tells whether it was there
  return back;
}

void unix_leave_folder(int back) {
  if (back < 0)
    return;
  (void)!fchdir(back);
  (void)close(back);
}

static int in_folder(const char *folder, int (*call)(int, const struct sockaddr *, socklen_t), int fd,
                     const struct socket_name *name) {
  int back = unix_enter_folder(folder);
  int r = call(fd, (const struct sockaddr *)&name->address, name->size) < 0 ? -errno : 0;
  unix_leave_folder(back);
  return r;
}

int unix_bind(int fd, const struct socket_name *name, const char *folder) { return in_folder(folder, bind, fd, name); }

int unix_connect_to(int fd, const struct socket_name *name, const char *folder) {
  return in_folder(folder, connect, fd, name);
}

// A file is reached by its pin also when it has no name any more.
int unix_reach(int fd, const struct socket_state *s) {
  const struct unix_own *own = unix_own(s);
  if (!unix_has_path(&s->name) || own->file_mode)
    return unix_connect_to(fd, &s->name, own->folder);
  if (own->way < 0)
    return -ENOENT;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct socket_name name = {.size = sizeof address};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", own->way);
  memcpy(&name.address, &address, sizeof address);
  return unix_connect_to(fd, &name, NULL);
}

void unix_forget_way(struct unix_own *own) {
  if (own->way >= 0)
    (void)close(own->way);
  own->way = -1;
}

// Whatever has the name in the file system makes way for the moment. `ret_aside`: where it is; NULL: there was nothing.
int unix_set_aside(const char *path, char **ret_aside) {
  struct stat st;
  *ret_aside = NULL;
  if (lstat(path, &st) < 0)
    return errno == ENOENT ? 0 : -errno;
  char *aside = must_format("%s.aside-%d", path, (int)getpid());
  if (rename(path, aside) < 0) {
    int r = -errno;
    free(aside);
    return r;
  }
  *ret_aside = aside;
  return 0;
}

void unix_take_back(const char *path, char *aside) {
  if (aside)
    (void)rename(aside, path);
  free(aside);
}

// ---- whose they are ----

// A datagram socket can be connected to a living one of its own type, to one of another type the kernel tells the
// difference, and what is dead refuses: nobody is disturbed by the question.
static bool is_anybodys(const struct socket_name *name, const char *folder) {
  _cleanup_fd_ int probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int r = unix_connect_to(probe, name, folder);
  return r != -ECONNREFUSED && r != -ENOENT && r != -ENOTDIR;
}

static bool has_file(const struct socket_state *s, ino_t file) {
  struct unix_diag now;
  if (unix_read_diag(s->inode, &now) < 0)
    return false;
  bool has_it = now.has_file && now.file_inode == (uint32_t)file;
  unix_diag_done(&now);
  return has_it;
}

// One of the session that goes with the rewind makes way.
static bool is_of_session(const struct sockets *all, const struct socket_name *name, ino_t file) {
  for (size_t i = 0; i < all->strangers; i++)
    if (file ? all->stranger[i].file == file : unix_is_same_name(&all->stranger[i].name, name))
      return true;
  for (size_t i = 0; i < all->count; i++) {
    const struct socket_state *s = all->item[i];
    if (s->has_lived && unix_is_same_name(&s->name, name) && (!file || has_file(s, file)))
      return true;
  }
  return false;
}

static int refuse_name(const struct socket_name *name, const char *why, struct error *e) {
  const char *path = unix_path_of(name);
  return error_set(e, ERROR_REFUSED, "the program had a socket with the name %s%s, which %s", *path ? "" : "@",
                   *path ? path : path + 1, why);
}

static int check_path(const struct sockets *all, const struct socket_name *name, const char *folder, struct error *e) {
  struct stat st;
  _cleanup_free_ char *path = unix_full_path(name, folder);
  if (lstat(path, &st) < 0) {
    char *slash = strrchr(path, '/');
    if (slash)
      slash[slash == path] = 0;
    return slash && stat(path, &st) < 0 ? refuse_name(name, "cannot be given again: its folder is not there", e) : 0;
  }
  if (!S_ISSOCK(st.st_mode))
    return refuse_name(name, "belongs to a file now: move that away", e);
  if (all && is_of_session(all, name, st.st_ino))
    return 0;
  return is_anybodys(name, folder) ? refuse_name(name, "is in use by another program: end that", e) : 0;
}

static int check_name(const struct sockets *all, const struct socket_name *name, const char *folder, struct error *e) {
  if (unix_has_path(name))
    return check_path(all, name, folder, e);
  if (!name->size || (all && is_of_session(all, name, 0)) || !is_anybodys(name, NULL))
    return 0;
  return refuse_name(name, "is in use by another program: end that", e);
}

// What had no file any more takes none away.
int unix_check_name(const struct sockets *all, const struct socket_state *s, struct error *e) {
  const struct unix_own *own = unix_own(s);
  if (!own->is_bound || (unix_has_path(&s->name) && !own->file_mode))
    return 0;
  return check_name(all, &s->name, own->folder, e);
}

int unix_check(const Snapback__Image__Socket *from, struct error *e) {
  struct socket_name name = {.size = (socklen_t)from->name.len};
  memcpy(&name.address, from->name.data, from->name.len);
  if (!from->bound || (unix_has_path(&name) && !from->file_mode))
    return 0;
  return check_name(NULL, &name, from->folder, e);
}

// ---- names, once the program's own sockets have made way ----

// The name of one that has been closed since may still lead to what was left of it; or to another one's.
static int bind_in_file_system(struct socket_state *s) {
  struct unix_own *own = unix_own(s);
  _cleanup_free_ char *path = unix_full_path(&s->name, own->folder);
  char *aside;
  int r = unix_set_aside(path, &aside);
  if (r == 0)
    r = unix_bind(s->now, &s->name, own->folder);
  if (r == 0 && own->file_mode) {
    (void)chmod(path, own->file_mode & 07777);
    if (aside)
      (void)unlink(aside);
    free(aside);
    return 0;
  }
  if (r == 0) {
    unix_forget_way(own);
    own->way = open(path, O_PATH | O_CLOEXEC);
    (void)unlink(path);
  }
  unix_take_back(path, aside);
  return r;
}

static int put_name_back(struct socket_state *s) {
  struct socket_name now;
  if (s->is_kept || !unix_own(s)->is_bound)
    return 0;
  int r = socket_read_name(s->now, &now, false);
  if (r == 0 && !now.size)
    r = unix_has_path(&s->name) ? bind_in_file_system(s) : unix_bind(s->now, &s->name, NULL);
  return r;
}

int unix_put_name_back(struct sockets *all, struct socket_state *s, struct error *e) {
  struct unix_diag d = {0};
  int r = put_name_back(s);
  // One of a connection does without its name, which another one may have by now.
  if (r < 0 && s->peer_kind != SOCKET_PEER_NONE && unix_is_connected_kind(s)) {
    sockets_note(all, "a connected socket of process %d has lost its name", s->holder);
    r = 0;
  }
  if (r == 0 && s->listens)
    r = s->is_kept ? unix_read_diag(s->inode, &d) : 0;
  if (r == 0 && s->listens && (!s->is_kept || (int)d.backlog != s->backlog) && listen(s->now, s->backlog) < 0)
    r = -errno;
  unix_diag_done(&d);
  const char *name = s->name.size ? unix_path_of(&s->name) : "";
  return r < 0 ? error_set_errno(e, r, "cannot give a socket of process %d its name %s%s again", s->holder,
                                 *name ? "" : "@", *name ? name : name + 1)
               : 0;
}
