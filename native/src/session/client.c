// SPDX-License-Identifier: EPL-2.0
// The other side of the control socket: how a command finds a session and asks it.
#include "session/client.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "session/address.h"
#include "session/clients.h"
#include "session/dispatch.h"

enum { HELLO_SECONDS = 10 };

struct connection {
  int fd;
  char *path;
  char *name;
  uint64_t last_id;
};

// ---- sessions ----

void found_sessions_done(struct found_sessions *f) {
  for (size_t i = 0; i < f->count; i++) {
    free(f->names[i]);
    free(f->paths[i]);
  }
  free(f->names);
  free(f->paths);
  *f = (struct found_sessions){0};
}

static void add_found(struct found_sessions *f, char *name, char *path) {
  array_reserve(f->names, f->count, f->names_capacity);
  array_reserve(f->paths, f->count, f->paths_capacity);
  size_t at = f->count++;
  for (; at > 0 && strcmp(f->names[at - 1], name) > 0; at--) {
    f->names[at] = f->names[at - 1];
    f->paths[at] = f->paths[at - 1];
  }
  f->names[at] = name;
  f->paths[at] = path;
}

static bool listens(const char *path) {
  int fd = address_connect(path);
  if (fd == -ECONNREFUSED)
    (void)unlink(path);
  if (fd >= 0)
    (void)close(fd);
  return fd >= 0;
}

// A session that was killed while it was named has left a file without a name; younger ones are just being named.
static void remove_unnamed(const char *folder, const char *file) {
  enum { SECONDS = 60 };
  struct stat st;
  _cleanup_free_ char *path = must_format("%s/%s", folder, file);
  if (strncmp(file, ADDRESS_UNNAMED, strlen(ADDRESS_UNNAMED)) == 0 && lstat(path, &st) == 0 &&
      st.st_mtime + SECONDS < time(NULL))
    (void)unlink(path);
}

static char *name_of_socket(const char *file) {
  const char *dot = strrchr(file, '.');
  return file[0] != '.' && dot && strcmp(dot, ".sock") == 0 ? must_format("%.*s", (int)(dot - file), file) : NULL;
}

int sessions_find(struct found_sessions *ret, struct error *e) {
  *ret = (struct found_sessions){0};
  _cleanup_free_ char *folder = NULL;
  if (address_folder(false, &folder, e))
    return -1;
  _cleanup_dir_ DIR *dir = opendir(folder);
  if (!dir && errno != ENOENT)
    return error_set_errno(e, -errno, "cannot read the folder of control sockets %s", folder);
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    _cleanup_free_ char *name = name_of_socket(entry->d_name);
    if (!name) {
      remove_unnamed(folder, entry->d_name);
      continue;
    }
    _cleanup_free_ char *path = must_format("%s/%s", folder, entry->d_name);
    if (listens(path))
      add_found(ret, pointer_take(name), pointer_take(path));
  }
  return 0;
}

static char *names_of(const struct found_sessions *f) {
  char *names = must_strdup("");
  for (size_t i = 0; i < f->count; i++) {
    char *longer = must_format("%s%s%s", names, i ? ", " : "", f->names[i]);
    free(names);
    names = longer;
  }
  return names;
}

static int only_session(char **ret_path, struct error *e) {
  struct found_sessions found;
  if (sessions_find(&found, e))
    return -1;
  int r = 0;
  _cleanup_free_ char *names = names_of(&found);
  if (found.count == 0)
    r = error_set(e, ERROR_FAILED, "there is no session; start one by 'snapback launch' or 'snapback gdb'");
  else if (found.count > 1)
    r = error_set(e, ERROR_FAILED, "there are %zu sessions (%s); choose one by -s", found.count, names);
  else
    *ret_path = must_strdup(found.paths[0]);
  found_sessions_done(&found);
  return r;
}

static int path_of(const char *session, char **ret_path, struct error *e) {
  if (!session)
    return only_session(ret_path, e);
  if (strchr(session, '/')) {
    *ret_path = must_strdup(session);
    return 0;
  }
  _cleanup_free_ char *folder = NULL;
  if (!address_name_valid(session))
    return error_set(e, ERROR_BAD_REQUEST, "'%s' is neither the name of a session nor the path of a socket", session);
  if (address_folder(false, &folder, e))
    return -1;
  *ret_path = address_path(folder, session);
  return 0;
}

// ---- connections ----

static int no_connection(const char *session, const char *path, int r, struct error *e) {
  struct stat st;
  bool there = lstat(path, &st) == 0;
  const char *name = session ? session : path;
  if (r == -ENOENT || r == -ENOTDIR)
    return error_set(e, ERROR_FAILED, "there is no session %s (no socket %s); 'snapback sessions' shows all", name,
                     path);
  if (there && !S_ISSOCK(st.st_mode) && !S_ISLNK(st.st_mode))
    return error_set(e, ERROR_FAILED, "%s is not a session's socket; 'snapback sessions' shows all", path);
  if (there && st.st_uid != geteuid())
    return error_set(e, ERROR_REFUSED, "the session at %s belongs to another user (%u); only its owner may use it",
                     path, (unsigned)st.st_uid);
  if (r != -ECONNREFUSED)
    return error_set_errno(e, r, "cannot connect to the session's socket %s", path);
  if (strchr(name, '/'))
    return error_set(e, ERROR_FAILED, "session %s has ended without removing its socket; remove that file", name);
  (void)unlink(path);
  return error_set(e, ERROR_FAILED, "session %s has ended; the socket that it left behind, %s, has been removed", name,
                   path);
}

static int check_owner(int fd, const char *path, struct error *e) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid())
    return 0;
  return error_set(e, ERROR_REFUSED, "the session at %s belongs to another user (%u); only its owner may use it", path,
                   (unsigned)peer.uid);
}

static void set_patience(int fd, int seconds) {
  struct timeval t = {.tv_sec = seconds};
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
}

static int say_hello(struct connection *c, struct error *e) {
  Snapback__Control__Hello hello = SNAPBACK__CONTROL__HELLO__INIT;
  hello.protocol = PROTOCOL_VERSION;
  hello.client = (char *)"snapback " SNAPBACK_VERSION;
  Snapback__Control__Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_HELLO;
  request.hello = &hello;
  Snapback__Control__Reply *reply;
  set_patience(c->fd, HELLO_SECONDS);
  if (connection_call(c, &request, &reply, e))
    return -1;
  set_patience(c->fd, 0);
  c->name = must_strdup(reply->welcome ? reply->welcome->session : "");
  snapback__control__reply__free_unpacked(reply, NULL);
  return 0;
}

int connection_open(const char *session, struct connection **ret, struct error *e) {
  _cleanup_free_ char *path = NULL;
  if (path_of(session, &path, e))
    return -1;
  _cleanup_fd_ int fd = address_connect(path);
  if (fd < 0)
    return no_connection(session, path, fd, e);
  if (check_owner(fd, path, e))
    return -1;
  struct connection *c = must_alloc(sizeof *c);
  *c = (struct connection){.fd = fd_take(&fd), .path = pointer_take(path)};
  if (say_hello(c, e)) {
    connection_free(c);
    return -1;
  }
  *ret = c;
  return 0;
}

void connection_free(struct connection *c) {
  if (!c)
    return;
  (void)close(c->fd);
  free(c->path);
  free(c->name);
  free(c);
}

const char *connection_session(const struct connection *c) { return c->name; }
const char *connection_path(const struct connection *c) { return c->path; }

static int send_request(struct connection *c, const Snapback__Control__Request *request) {
  size_t size = snapback__control__request__get_packed_size(request);
  if (size > FRAME_MAX)
    return -EMSGSIZE;
  _cleanup_free_ uint8_t *frame = must_alloc(size + 4);
  for (int i = 0; i < 4; i++)
    frame[i] = (uint8_t)(size >> (24 - 8 * i));
  (void)snapback__control__request__pack(request, frame + 4);
  for (size_t sent = 0; sent < size + 4;) {
    ssize_t n = send(c->fd, frame + sent, size + 4 - sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR)
      return -errno;
    sent += n > 0 ? (size_t)n : 0;
  }
  return 0;
}

static int receive_message(struct connection *c, Snapback__Control__ServerMessage **ret) {
  uint8_t head[4];
  int r = fd_read_all(c->fd, head, sizeof head);
  if (r < 0)
    return r;
  size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
  if (size > FRAME_MAX)
    return -EPROTO;
  _cleanup_free_ uint8_t *data = must_alloc(size);
  r = fd_read_all(c->fd, data, size);
  if (r < 0)
    return r;
  *ret = snapback__control__server_message__unpack(NULL, size, data);
  return *ret ? 0 : -EPROTO;
}

static int broken(const struct connection *c, int r, struct error *e) {
  const char *name = c->name ? c->name : c->path;
  if (r == -EPIPE || r == -ECONNRESET)
    return error_set(e, ERROR_FAILED, "session %s has ended before it answered", name);
  if (r == -EAGAIN)
    return error_set(e, ERROR_BUSY, "session %s does not answer; try again, or end it by killing its processes", name);
  if (r == -EPROTO)
    return error_set(e, ERROR_FAILED, "%s does not speak the control protocol", name);
  return error_set_errno(e, r, "cannot talk to session %s", name);
}

// An answer of our request, or one to none in particular: the supervisor is about to hang up, and says why.
static bool concerns(const Snapback__Control__ServerMessage *m, uint64_t id) {
  return m->kind_case == SNAPBACK__CONTROL__SERVER_MESSAGE__KIND_REPLY && (m->reply->id == id || m->reply->id == 0);
}

static int take_reply(struct connection *c, int r, Snapback__Control__ServerMessage *message,
                      Snapback__Control__Reply **ret, struct error *e) {
  if (r < 0)
    return broken(c, r, e);
  Snapback__Control__Reply *reply = pointer_take(message->reply);
  message->kind_case = SNAPBACK__CONTROL__SERVER_MESSAGE__KIND__NOT_SET;
  snapback__control__server_message__free_unpacked(message, NULL);
  if (!reply->error) {
    *ret = reply;
    return 0;
  }
  (void)error_set(e, (enum error_code)reply->error->code, "%s", reply->error->text);
  snapback__control__reply__free_unpacked(reply, NULL);
  return -1;
}

// Waits for a message. 1: an interrupt came before; 0 or -errno.
static int wait_for_word(const struct connection *c, int interrupts) {
  struct pollfd fds[] = {{.fd = c->fd, .events = POLLIN}, {.fd = interrupts, .events = POLLIN}};
  while (poll(fds, 2, -1) < 0)
    if (errno != EINTR)
      return -errno;
  struct signalfd_siginfo info;
  return fds[1].revents && read(interrupts, &info, sizeof info) == sizeof info ? 1 : 0;
}

static int send_cancel(struct connection *c, uint64_t id) {
  Snapback__Control__CancelRequest cancel = SNAPBACK__CONTROL__CANCEL_REQUEST__INIT;
  Snapback__Control__Request request = SNAPBACK__CONTROL__REQUEST__INIT;
  cancel.request = id;
  request.id = ++c->last_id;
  request.verb_case = SNAPBACK__CONTROL__REQUEST__VERB_CANCEL;
  request.cancel = &cancel;
  return send_request(c, &request);
}

int connection_follow(struct connection *c, Snapback__Control__Request *request, int interrupts, event_function *heard,
                      void *data, Snapback__Control__Reply **ret, struct error *e) {
  request->id = ++c->last_id;
  int r = send_request(c, request);
  bool cancelled = false;
  Snapback__Control__ServerMessage *message = NULL;
  while (r == 0) {
    r = interrupts >= 0 ? wait_for_word(c, interrupts) : 0;
    if (r > 0 && cancelled)
      return error_set(e, ERROR_CANCELLED, "interrupted; session %s has been told so, but does not answer", c->name);
    if (r > 0) {
      cancelled = true;
      r = send_cancel(c, request->id);
      continue;
    }
    if (r == 0)
      r = receive_message(c, &message);
    if (r < 0 || concerns(message, request->id))
      break;
    if (heard && message->kind_case == SNAPBACK__CONTROL__SERVER_MESSAGE__KIND_EVENT)
      heard(data, message->event);
    snapback__control__server_message__free_unpacked(message, NULL);
  }
  return take_reply(c, r, message, ret, e);
}

int connection_call(struct connection *c, Snapback__Control__Request *request, Snapback__Control__Reply **ret,
                    struct error *e) {
  return connection_follow(c, request, -1, NULL, NULL, ret, e);
}

void connection_wait_end(struct connection *c) {
  Snapback__Control__ServerMessage *message;
  while (receive_message(c, &message) == 0)
    snapback__control__server_message__free_unpacked(message, NULL);
}
