// SPDX-License-Identifier: EPL-2.0
// System V objects of a session that has an IPC namespace of its own: shared memory, semaphores, message queues.
//
// They belong to the namespace, not to a process, so a snapshot holds all of them once. Processes have views of
// segments and adjustments of semaphores (SEM_UNDO), which are put back in each of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ipc.h>

#include "base/error.h"
#include "proc/maps.h"
#include "resource/shared_memory.h"
#include "trace/executor.h"

enum system_v_kind { SEGMENT, SEMAPHORES, QUEUE, SYSTEM_V_KINDS };

struct system_v_message {
  long type;
  size_t size;
  unsigned char *bytes;
};

// One object. What it holds depends on its kind.
struct system_v_object {
  enum system_v_kind kind;
  int id;
  key_t key;
  uint32_t uid, gid, mode;  // mode: of permissions alone
  uint64_t size;            // SEGMENT: bytes; SEMAPHORES: how many; QUEUE: bytes that it takes
  bool is_removed;          // SEGMENT: it goes with its last view
  bool is_locked;           // SEGMENT: kept from being swapped
  void *held;               // SEGMENT: our view, while it is put back; NULL: none
  struct shared_run *run;   // SEGMENT: what is not zero
  size_t runs, run_capacity;
  unsigned short *value;  // SEMAPHORES
  struct system_v_message *message;
  size_t messages, message_capacity;
};

struct system_v {
  struct system_v_object *item;  // by kind, then as the kernel lists them
  size_t count, capacity;
};

// Parses the text of /proc/sysvipc/{shm,sem,msg}: appends kind, id, key, is_removed and, but for queues, size of each
// object. 0 or -EBADMSG.
int system_v_parse(const char *text, enum system_v_kind kind, struct system_v *ret);
int system_v_list(struct system_v *ret);         // all of the namespace, by what system_v_parse tells; 0 or -errno
int system_v_read(struct system_v_object *ret);  // the rest of one; 0 or -errno
int system_v_segment_read(struct system_v_object *ret);
int system_v_segment_fill(const struct system_v_object *o);  // also its permissions

// All objects of the namespace, with what is in them; those who use them are held.
int system_v_capture(struct system_v *ret, struct error *e);
void system_v_object_done(struct system_v_object *o);
void system_v_done(struct system_v *v);
struct system_v_object *system_v_find(const struct system_v *v, enum system_v_kind kind, int id);  // NULL: none

// The way back, in this order:
//   plan       whether all that is missing can be made again; nothing is changed
//   detach     (in each process) views that are none of then's
//   put_back   objects made since go, missing ones are made under their old ids, contents
//   attach     (see below)
//   finish     what was removed then is removed again, now that it has its views
//   let_go     in any case: from put_back on we keep a view of what would go with its last one
int system_v_plan(const struct system_v *then, struct error *e);
int system_v_put_back(struct system_v *then, struct error *e);
void system_v_let_go(struct system_v *then);
int system_v_finish(const struct system_v *then, struct error *e);

// ---- views ----

struct system_v_view {
  uint64_t start, end, offset;
  int id, protection;
  bool is_read_only;  // SHM_RDONLY
};
struct system_v_views {
  struct system_v_view *item;
  size_t count;
};

bool mapping_is_system_v(const struct mapping *m);
int system_v_views_read(pid_t pid, const struct mappings *maps, struct system_v_views *ret, struct error *e);
// A template keeps none of them, for others see how many there are: they are added to a list of its mappings.
void system_v_views_add(const struct system_v_views *views, struct mappings *maps);
void system_v_views_add_unmapping(const struct system_v_views *views, struct batch *b);
const struct system_v_view *system_v_view_at(const struct system_v_views *views, uint64_t start);  // NULL: none
// `v` may be a part of one that was captured.
int system_v_attach(struct executor *x, const struct system_v_view *v, struct error *e);
// Unmaps views of segments that `then` has not, or has otherwise, and those that are not as the process had them.
int system_v_detach_stale(struct executor *x, const struct system_v *then, const struct system_v_views *views,
                          struct error *e);

// ---- adjustments ----

// What is added to a semaphore when the process ends.
struct semaphore_adjustment {
  int id, number, value;  // never 0
};
struct semaphore_adjustments {
  struct semaphore_adjustment *item;
  size_t count, capacity;
};

// The kernel does not tell them: it is asked with operations that cannot succeed.
int semaphore_adjustments_read(struct executor *x, const struct system_v *v, struct semaphore_adjustments *ret,
                               struct error *e);
// Also those that are 0 then.
int semaphore_adjustments_put_back(struct executor *x, const struct system_v *v,
                                   const struct semaphore_adjustments *then, struct error *e);
