// SPDX-License-Identifier: EPL-2.0
// The descriptor table of a process.
//
// A snapshot holds no open file of the program: a held pipe end would hide an end of file, a held watched file
// would stay in an epoll set, a held file would keep its flock. It holds *pins* (O_PATH descriptors), which
// keep an inode alive and from which the supervisor opens the file again when the program has closed it.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <termios.h>

#include "base/error.h"
#include "proc/fdinfo.h"
#include "resource/controlling_terminal.h"
#include "resource/pipe_ends.h"
#include "resource/sockets.h"
#include "trace/executor.h"

struct descriptor {
  int fd;
  pid_t owner;  // whose table it was read from
  const struct descriptor_kind *kind;
  char *link;  // as /proc/PID/fd shows it
  struct stat stat;
  struct fdinfo info;
  int leader;            // index of the first descriptor of the same open file (may be this one)
  uint32_t file;         // number of an open file that several processes share: resource/shared_files.h; 0: it is none
  int pin;               // O_PATH, -1: none
  int lent;              // the open file itself, from descriptors_borrow; -1: none
  unsigned char *bytes;  // pipe: what was in it
  size_t size;
  int capacity;         // pipe
  bool restores_bytes;  // pipe: no end of it was outside
  bool is_of_ended;     // a file of /proc: its process had ended
  bool has_terminal;
  struct termios terminal;
  void *own;                    // what only its kind knows
  struct socket_state *socket;  // of the table's `sockets`
};

struct descriptors {
  struct descriptor *item;
  size_t count;
  struct controlling_terminal terminal;
  const struct pipe_ends *writers;  // of the other processes of the session, while they are captured; NULL: none
  struct shared_files *shared;      // while a session of several processes is put back; NULL: each has its own
  struct sockets *sockets;          // of all processes of the snapshot; NULL: none
};

// What a kind of file must do; a row of the table in descriptors.c.
struct descriptor_kind {
  const char *name;
  bool (*matches)(const struct descriptor *d);
  // Reads more than link, stat and fdinfo. The process is stopped.
  int (*capture)(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e);
  // True when the living descriptor of the same number is still the same kind and file.
  bool (*same)(const struct descriptor *then, const struct descriptor *now);
  // Opens the file again, in the supervisor. A descriptor, or -errno.
  int (*reopen)(const struct descriptor *d);
  // Brings contents that are not in memory back, once all descriptors are in place; `x`: in the process.
  int (*restore)(struct executor *x, const struct descriptor *d, struct error *e);
  // Brings back what needs the other processes of the session, once all of them are in place.
  int (*settle)(struct executor *x, const struct descriptors *all, const struct descriptor *d, struct error *e);
  void (*done)(struct descriptor *d);  // frees `own`
};

extern const struct descriptor_kind descriptor_kept, descriptor_file, descriptor_pipe, descriptor_eventfd,
    descriptor_epoll, descriptor_timerfd, descriptor_signalfd, descriptor_inotify, descriptor_fanotify,
    descriptor_pidfd, descriptor_pty_master, descriptor_pty_slave, descriptor_mqueue, descriptor_socket;

// Reads the table of a stopped process; refuses by name what cannot be captured.
// `keeps_unknown`: what cannot be captured is accepted, and must not have been closed when it is wanted back.
// `writers`: the pipes that any process of the session can write to; NULL: it has no other.
// `sockets`: those of all processes; NULL: it has no other.
int descriptors_capture(pid_t pid, bool keeps_unknown, const struct pipe_ends *writers, struct sockets *sockets,
                        struct descriptors *ret, struct error *e);
void descriptors_done(struct descriptors *d);
void descriptor_done(struct descriptor *d);  // the contents of one

// An open file that was found in flight: `fd` is ours, and becomes `ret->lent`. Refuses what cannot be sent again.
int descriptor_in_flight(int fd, struct sockets *all, struct descriptor *ret, struct error *e);

// Borrows from process `lender` the open files that it shares with the snapshot: for those that cannot be opened
// again, because they belong to another user or have no name. Until descriptors_return.
void descriptors_borrow(struct descriptors *d, pid_t lender);
void descriptors_return(struct descriptors *d);

// A rewind, planned: what is opened already, before anything in the process is changed.
struct descriptor_plan;
int descriptors_plan(pid_t pid, const struct descriptors *then, struct descriptor_plan **ret, struct error *e);
int descriptors_put_back(struct executor *x, struct descriptor_plan *plan, unsigned *ret_changed, struct error *e);
void descriptor_plan_free(struct descriptor_plan *plan);
// What had to wait until all processes of the session are in place: what a descriptor tells of another process.
bool descriptors_wait_for_others(const struct descriptors *all);
int descriptors_settle(struct executor *x, const struct descriptors *all, struct error *e);
// All that are watched are in place.
int descriptors_restore_sets(struct executor *x, const struct descriptors *all, struct error *e);
// Puts `fd` in the place of a living descriptor and of all that share its open file.
int descriptor_replace(struct executor *x, const struct descriptors *all, const struct descriptor *d, int fd,
                       struct error *e);

// The one of that number; NULL: none.
const struct descriptor *descriptors_find(const struct descriptors *all, int fd);
// Link, stat and fdinfo of one descriptor, which the caller frees. 0 or -errno.
int descriptor_read(pid_t pid, int fd, struct descriptor *ret);
// Whether a living descriptor can be what one of the snapshot was.
bool descriptor_is_same(const struct descriptor *then, struct descriptor *now);

// Opens `/proc/self/fd/PIN`.
int pin_open(int pin, int flags);
