// SPDX-License-Identifier: EPL-2.0
// Shared memory: anonymous shared mappings, memfd, files in /dev/shm. A fork does not freeze it, so a snapshot
// copies what is in it, and a rewind writes back what differs.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "proc/maps.h"
#include "resource/descriptors.h"
#include "trace/executor.h"

// Bytes of an object that hold data, by their offset in the object.
struct shared_run {
  uint64_t offset, size;
  unsigned char *bytes;
};

// Where the process had (a part of) the object mapped.
struct shared_stretch {
  uint64_t offset, size;
};

struct shared_view {
  uint64_t start, end, offset;
  int protection;
};

// What was in an object, of which all processes of a snapshot see parts: copied once.
struct shared_contents {
  uint64_t device, inode;
  unsigned users;
  struct shared_run *run;  // in ascending order, none across another
  size_t runs, capacity;
  struct shared_stretch *seen;  // of which nothing more is to be copied
  size_t seen_count, seen_capacity;
};

struct shared_object {
  uint64_t device, inode, size;  // size: of the file; 0 when only mapped
  int pin;                       // belongs to a descriptor of the snapshot; -1: reached through its views
  unsigned seals;                // of a memfd: F_SEAL_…
  struct shared_contents *contents;
  struct shared_view *view;
  size_t views, view_capacity;
};

struct shared_memory {
  struct shared_object *object;
  size_t count, capacity;
  uint64_t bytes;  // copied for this process, and for none before it
};

// What has been copied already of a session that is held.
struct shared_pool {
  struct shared_contents **item;
  size_t count, capacity;
};
void shared_pool_done(struct shared_pool *p);

// True for a mapping whose contents are kept with a snapshot.
bool mapping_is_shared_memory(const struct mapping *m);

// `pool`: of all processes that are held together; NULL: there is one.
int shared_memory_capture(struct executor *x, const struct mappings *maps, const struct descriptors *descriptors,
                          struct shared_pool *pool, struct shared_memory *ret, struct error *e);
void shared_memory_done(struct shared_memory *s);

// Refuses by name what cannot be put back into the process: memory files that have been sealed.
int shared_memory_check(pid_t pid, const struct shared_memory *s, const struct descriptors *files, struct error *e);

// The mappings and descriptors of the snapshot are in place again.
int shared_memory_put_back(struct executor *x, const struct shared_memory *s, struct error *e);
