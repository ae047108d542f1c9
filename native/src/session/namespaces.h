// SPDX-License-Identifier: EPL-2.0
// The namespaces of a session: process numbers of its own, a /proc that shows them, IPC objects of its own (if they are
// wanted: ids can be given back only in a namespace that nobody else uses), and, for those who are not root,
// the user namespace (identity map) without which neither can be had.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct namespaces {
  bool none;          // the session stays in those of the host
  bool user;          // a user namespace is needed
  bool objects;       // System V objects and POSIX message queues of its own
  pid_t start;        // process numbers inside begin here: the host has none for a long way
  pid_t host_max;     // and never reaches this number
  int host_proc;      // the host's /proc
  uint64_t bounding;  // the caller's capability bounding set
  uid_t uid;
  gid_t gid;
};

// In the outer process: what is needed, and the number to start with. `none`: no namespaces at all.
int namespaces_prepare(struct namespaces *n, bool none, bool host_objects, struct error *e);

// As fork(): in the child, which is process 1 of the new namespaces, 0; else its number, or -1 and `e`.
pid_t namespaces_fork(struct namespaces *n, struct error *e);

// In the child, first of all: maps the user, mounts /proc, sets the start number.
int namespaces_enter(struct namespaces *n, struct error *e);

// In a child of process 1, before exec: takes away what the user namespace gave. 0 or -errno.
int namespaces_drop_rights(const struct namespaces *n);

// The number of `pid` as the host sees it; 0: no such process.
pid_t namespaces_host_pid(const struct namespaces *n, pid_t pid);
