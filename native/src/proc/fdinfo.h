// SPDX-License-Identifier: EPL-2.0
// /proc/PID/fd and /proc/PID/fdinfo: the descriptors of a process.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct epoll_watch {
  int fd;
  uint32_t events;
  uint64_t data;
  uint64_t inode;  // of the watched file, 0: unknown
  int holder;      // a number by which the process has that file open: `fd`, unless that was closed; -1: others have it
};

// A lock that this descriptor holds, as /proc/locks tells it.
enum file_lock_kind { LOCK_OF_FLOCK, LOCK_OF_PROCESS, LOCK_OF_OPEN_FILE, LOCK_LEASE, LOCK_OTHER };
struct file_lock {
  enum file_lock_kind kind;
  bool writes;
  uint64_t start, end;  // bytes, both included; end UINT64_MAX: to the end of the file
  int signal;           // lease: which tells that somebody wants the file (F_SETSIG); 0: SIGIO
};

struct timerfd_state {
  int clock, settime_flags;
  uint64_t ticks;                  // expirations that nobody has read
  uint64_t value_ns, interval_ns;  // what is left until the next one, 0: it does not run
};

// A file that an inotify set watches, or a fanotify group has marked; the kernel tells no name.
enum { FILE_HANDLE_MAX = 128 };
struct file_watch {
  int number;        // inotify: watch descriptor
  uint32_t events;   // IN_… or FAN_…
  uint32_t ignored;  // fanotify: events that are not told
  uint32_t flags;    // fanotify: FAN_MARK_…
  uint64_t device, inode;
  int handle_type;
  size_t handle_size;  // 0: unknown
  unsigned char handle[FILE_HANDLE_MAX];
};

struct fanotify_group {
  uint32_t flags, event_flags;  // as fanotify_init(2) was told
  bool has_other_marks;         // than those on files: on mounts, file systems, namespaces
};

struct fdinfo {
  int64_t position;
  int flags;  // O_… of open(2), with O_CLOEXEC
  uint64_t mount, inode;
  uint64_t count;  // eventfd
  int64_t id;      // eventfd; -1: unknown (before Linux 5.2)
  bool semaphore;  // eventfd
  struct timerfd_state timer;
  uint64_t signals;  // signalfd: bit 0 is signal 1
  int process;       // pidfd: whose, in the namespace of /proc; 0: in another one, -1: it has ended
  int terminal;      // master of a pseudo-terminal: its number; -1: it is none
  struct fanotify_group fanotify;
  struct file_watch *file_watch;
  size_t file_watches;
  struct epoll_watch *watch;
  size_t watches;
  struct file_lock *lock;
  size_t locks;
};

// Parses the text of a fdinfo file. 0 or -EBADMSG.
int fdinfo_parse(const char *text, struct fdinfo *ret);
int fdinfo_read(pid_t pid, int fd, struct fdinfo *ret);
void fdinfo_done(struct fdinfo *i);

// The open descriptors in ascending order; the caller frees the array. 0 or -errno.
int descriptor_list(pid_t pid, int **ret, size_t *ret_count);

// What a descriptor names: "/path", "pipe:[123]", "anon_inode:[eventfd]"… The caller frees it.
int descriptor_link(pid_t pid, int fd, char **ret);
