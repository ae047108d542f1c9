// SPDX-License-Identifier: EPL-2.0
// /proc/PID/status and the lists of processes and threads.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process_status {
  char name[64];  // comm
  char state;     // R S D T t Z X
  pid_t tgid, parent, tracer;
  mode_t umask;
  int threads;
  int seccomp;  // 0 none, 1 strict, 2 filter
  int no_new_privs;
  uint32_t uid[4], gid[4];                                        // real, effective, saved, of the file system
  uint64_t groups;                                                // a number that stands for the list
  uint64_t inheritable, permitted, effective, bounding, ambient;  // capabilities, bit 0 is CAP_CHOWN
  int locked_kb;                                                  // memory that is kept from being swapped
  uint64_t pending, shared_pending, blocked, ignored, caught;     // sets of signals, bit 0 is signal 1
};

// Parses the text of a status file; what is missing stays 0. 0 or -EBADMSG.
int status_parse(const char *text, struct process_status *ret);
int status_read(pid_t pid, struct process_status *ret);  // 0 or -errno
int status_read_thread(pid_t pid, pid_t tid, struct process_status *ret);

// When it was started: since boot, in clock ticks. 0 or -errno.
int process_start_time(pid_t pid, uint64_t *ret);

// The numbers of all processes in /proc, or of all threads of one. `*ret` is an array that the caller frees.
int process_list(pid_t **ret, size_t *ret_count);
int thread_list(pid_t pid, pid_t **ret, size_t *ret_count);

// Whether it has ended and waits to be reaped. A main thread that has ended shows as much while others run on; and one
// of those that executes a program takes its place.
bool process_is_zombie(pid_t pid);

// The name that the kernel shows for a process (comm), for messages; "?" if unknown.
void process_name(pid_t pid, char *ret, size_t size);
