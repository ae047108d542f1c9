// SPDX-License-Identifier: EPL-2.0
// Unix domain sockets: what the files socket_unix*.c share.
#pragma once

#include "kernel/unix_diag.h"
#include "resource/sockets.h"

struct unix_own {
  ino_t peer_inode;  // as the kernel tells it; 0: closed, or not accepted yet
  bool has_peer;
  unsigned unsent;       // memory of what its peer has not read
  char *folder;          // where a relative name begins; NULL: it is not relative, or there is none
  bool is_bound;         // its name is its own; one that was accepted has the name of the one that listened
  mode_t file_mode;      // of its name in the file system; 0: it has none there (any more)
  ino_t *waiting_inode;  // of those in its backlog
  int way;               // O_PATH, in a rewind: to one whose file has gone from its name already; -1: none
};

static inline struct unix_own *unix_own(const struct socket_state *s) { return s->own; }

static inline bool unix_is_connected_kind(const struct socket_state *s) { return s->type != SOCK_DGRAM; }
bool unix_has_path(const struct socket_name *name);
bool unix_is_same_name(const struct socket_name *a, const struct socket_name *b);

// What sock_diag tells of it now. 0 or -errno.
int unix_read_diag(ino_t inode, struct unix_diag *ret);
// Whether its name still leads to it (`mode` of the file), or it has no name that could.
bool unix_file_is_there(const struct socket_state *s, const struct unix_diag *now, mode_t *ret_mode);
// Whether the queue is what it was; looks once in a rewind.
bool unix_queue_is_same(struct socket_state *s);
// The backlog is the one of then, and nobody of the session has to be put into it again.
bool unix_backlog_is_same(const struct sockets *all, const struct socket_state *s);
// Who can send to it without an address: its peer, the other end, or a socket that is connected to it. -1: nobody.
int unix_sender_of(const struct sockets *all, const struct socket_state *s);

// To where a relative name begins (NULL: it is not relative), and back.
int unix_enter_folder(const char *folder);
void unix_leave_folder(int back);
const char *unix_path_of(const struct socket_name *name);
char *unix_full_path(const struct socket_name *name, const char *folder);  // the caller frees it
int unix_bind(int fd, const struct socket_name *name, const char *folder);
int unix_connect_to(int fd, const struct socket_name *name, const char *folder);
int unix_reach(int fd, const struct socket_state *s);  // connects to it, and to no other one that has its name now
void unix_forget_way(struct unix_own *own);

// Whatever has the path makes way for the moment. `ret_aside`: where it is; NULL: there was nothing.
int unix_set_aside(const char *path, char **ret_aside);
void unix_take_back(const char *path, char *aside);  // frees `aside`
// Refuses a name that another program has by now. `all`: of the rewind under way.
int unix_check_name(const struct sockets *all, const struct socket_state *s, struct error *e);
int unix_check(const struct Snapback__Image__Socket *from, struct error *e);  // before a restart

int unix_make(struct sockets *all, struct socket_state *s, struct error *e);
int unix_put_name_back(struct sockets *all, struct socket_state *s, struct error *e);
int unix_put_connections_back(struct sockets *all, struct socket_state *s, struct error *e);
int unix_fill(struct sockets *all, struct socket_state *s, struct error *e);
int unix_finish(struct sockets *all, struct socket_state *s, struct error *e);
