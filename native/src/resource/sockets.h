// SPDX-License-Identifier: EPL-2.0
// The sockets of a session, all at one instant: connections join processes, so they are put back together.
//
// A capture collects them before the processes, while all are held. A rewind has three steps: sockets_plan finds those
// that still are what they were and makes the others anew, in the supervisor, with nothing changed yet; the processes
// then get theirs with their other descriptors (reopen gives duplicates of `now`); sockets_put_back mends the rest:
// names, connections, queues, options. Whatever is held of the program's meanwhile goes with sockets_let_go.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/error.h"

struct Snapback__Image__Socket;
struct descriptor;
struct socket_state;
struct sockets;

struct socket_name {
  socklen_t size;  // 0: none
  struct sockaddr_storage address;
};

struct socket_option {
  int level, name;
  socklen_t size;
  unsigned char value[32];
};

// A datagram, or bytes of a stream that belong together.
struct socket_message {
  unsigned char *bytes;
  size_t size;
  struct socket_name sender;
  bool has_credentials;
  struct ucred credentials;
  struct descriptor *file;  // in flight; a socket among them is one of the table
  size_t files;
};

struct socket_queue {
  struct socket_message *message;
  size_t count, capacity;
};

enum socket_peer {
  SOCKET_PEER_NONE,     // not connected
  SOCKET_PEER_INSIDE,   // `peer` is its number
  SOCKET_PEER_OUTSIDE,  // of a program outside of the session
  SOCKET_PEER_GONE,     // closed already
  SOCKET_PEER_WAITING,  // in the backlog of the listening socket `peer`
};

enum { SOCKET_NO_RECEIVE = 1, SOCKET_NO_SEND = 2 };  // of `shutdown`, as the kernel has them

struct socket_state {
  uint32_t id;  // its place in the table, from 1
  const struct socket_family *family;
  int domain, type, protocol;
  int flags;        // O_… of the open file
  uint64_t cookie;  // SO_COOKIE: the kernel gives each but once; 0: from an image
  ino_t inode;
  pid_t holder;  // a process that has it; 0: it is in flight
  struct socket_name name, peer_name;
  enum socket_peer peer_kind;
  uint32_t peer;  // id; 0: none of the table
  bool listens;
  int backlog;
  unsigned shutdown;
  bool has_error;  // that the program has not been told of yet
  bool of_caller;  // standard input, output or error, from outside: it stays as it is
  struct ucred peer_credentials;
  struct socket_option *option;
  size_t options;
  uint32_t *waiting;  // listening: ids of those in its backlog, in order; 0: one from outside
  size_t waiting_count;
  struct socket_queue queue;
  bool keeps_queue;  // what is in it comes from outside, and stays as it is
  void *own;         // the family's

  // Of a rewind under way.
  int now;            // the socket itself, living or made anew; -1: not yet
  bool has_lived;     // it is the one of the snapshot, and cannot be mended into what it was
  bool is_kept;       // it is the one of the snapshot
  int queue_is_same;  // 1, 0; -1: nobody has looked yet
  int other_end;  // of one made anew whose peer is no socket of the table: closed when the queue is filled; -1: none
};

// A socket of the session that was not there then, and goes.
struct socket_stranger {
  ino_t inode;
  struct socket_name name;
  char *path;  // of its name in the file system, which goes with it; NULL: none
  ino_t file;
};

struct sockets {
  unsigned references;
  struct socket_state **item;  // by id
  size_t count, capacity;
  struct socket_stranger *stranger;  // of a rewind under way
  size_t strangers, stranger_capacity;
  struct socket_drop *drop;  // the same; socket_inet_drop.c
  size_t drops, drop_capacity;
  char note[384];  // of the last rewind: what could not be put back; empty: nothing
};

// What a family of sockets must do; a row of the table in sockets.c. Each gets the whole table, for peers.
struct socket_family {
  int domain;
  // Reads what is its own from the duplicate `fd`: name, peer, state, queue. All processes are held.
  int (*capture)(struct sockets *all, struct socket_state *s, int fd, struct error *e);
  // Once all have been read: finds peers; refuses by name what cannot be held.
  int (*survey)(struct sockets *all, struct socket_state *s, struct error *e);
  // Whether the living socket `now` can be mended into what it was. Asked again until nothing changes, for one that is
  // made anew takes its peer with it (is_kept of that one is false then).
  bool (*is_kept)(struct sockets *all, struct socket_state *s);
  // Makes `now` anew, with its peer if that is not kept; nothing of the program is changed. May be made already.
  int (*make)(struct sockets *all, struct socket_state *s, struct error *e);
  // Steps of putting back, through duplicates; each is done for all sockets before the next one. NULL: nothing to do.
  int (*bind)(struct sockets *all, struct socket_state *s, struct error *e);     // names, listening
  int (*connect)(struct sockets *all, struct socket_state *s, struct error *e);  // backlogs, datagram peers
  int (*fill)(struct sockets *all, struct socket_state *s, struct error *e);     // queues
  int (*finish)(struct sockets *all, struct socket_state *s, struct error *e);   // half-closes
  void (*done)(struct socket_state *s);                                          // frees `own`
  // What an image tells of `own`. NULL: nothing.
  void (*describe)(const struct socket_state *s, struct Snapback__Image__Socket *to);
  void (*recreate)(struct socket_state *s, const struct Snapback__Image__Socket *from);
  // Whether it can be made on this machine now: asked before a restart is begun. NULL: it can.
  int (*check)(const struct Snapback__Image__Socket *from, struct error *e);
};
extern const struct socket_family socket_unix, socket_inet, socket_inet6, socket_netlink;

// ---- capture ----

// All sockets of these processes, which are held. Refuses by name what cannot be held.
int sockets_capture(const pid_t *pids, size_t count, struct sockets **ret, struct error *e);
struct sockets *sockets_new(void);
struct sockets *sockets_retain(struct sockets *all);  // NULL is fine
void sockets_release(struct sockets *all);            // NULL is fine

struct socket_state *sockets_add(struct sockets *all);   // an empty one
const struct socket_family *sockets_family(int domain);  // NULL: there is none
// Captures the socket `fd` if it is not in the table yet. NULL, and `e`: it cannot be held.
struct socket_state *sockets_add_living(struct sockets *all, int fd, pid_t holder, struct error *e);
struct socket_state *sockets_find(const struct sockets *all, uint32_t id);  // NULL: none
struct socket_state *sockets_find_inode(const struct sockets *all, ino_t inode);
bool sockets_is_of_session(const struct sockets *all, ino_t inode);  // while a rewind is under way

// A connect(2) of it has been cut. True: it was connected when all were held, and the call is to end with 0. False: the
// call is to begin again, on a socket that is not connected.
bool sockets_leave_connect(struct socket_state *s);

// ---- rewind ----

// `pids`: processes that live; none for a restart.
int sockets_plan(struct sockets *all, const pid_t *pids, size_t count, struct error *e);
void sockets_begin(struct sockets *all);  // the program is changed from here on; NULL is fine
int sockets_put_back(struct sockets *all, struct error *e);
void sockets_let_go(struct sockets *all);  // NULL is fine
void sockets_note(struct sockets *all, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ---- what families share ----

// The path of a unix socket's name in the file system, and the inode of that file; NULL: none that leads to it. `fd`: a
// duplicate; `pid`: a process that has it.
char *socket_file_of(pid_t pid, int fd, ino_t inode, ino_t *ret_file);

// Options of the level SOL_SOCKET that a program may have set, read and put back where they differ.
int socket_options_capture(int fd, struct socket_state *s);
int socket_option_add(int fd, struct socket_state *s, int level, int name);  // one more; none that is not known here
int socket_options_set(int fd, const struct socket_state *s);

int socket_read_name(int fd, struct socket_name *ret, bool of_peer);  // 0, also when there is none

// What is in the receive queue, without taking it out; `all`: sockets in flight are added to it (NULL: they are known).
int socket_queue_peek(int fd, struct sockets *all, const struct socket_state *s, struct socket_queue *ret,
                      struct error *e);
bool socket_queue_is_same(const struct socket_queue *then, const struct socket_queue *now);
int socket_queue_drain(int fd);
void socket_queue_let_go(struct socket_queue *q);  // of the open files in flight, which a look holds
void socket_queue_done(struct socket_queue *q);
// Sends one message through `fd`, to `to` (NULL: its peer), without waiting. 0 or -errno.
int socket_message_send(int fd, const struct socket_message *m, const struct socket_name *to);
