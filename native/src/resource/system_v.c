// SPDX-License-Identifier: EPL-2.0
// Reading the System V objects of the session's IPC namespace.
#include "resource/system_v.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"

enum { LIST_MAX = 16 * 1024 * 1024, MESSAGE_FIRST = 8192, MESSAGE_MAX = 1 << 24 };

static const char *const lists[SYSTEM_V_KINDS] = {
    [SEGMENT] = "/proc/sysvipc/shm", [SEMAPHORES] = "/proc/sysvipc/sem", [QUEUE] = "/proc/sysvipc/msg"};
static const char *const names[SYSTEM_V_KINDS] = {
    [SEGMENT] = "shared memory", [SEMAPHORES] = "semaphores", [QUEUE] = "message queue"};

// ---- which there are ----

// "       key      shmid perms …": the permissions in octal, with the flag SHM_DEST.
int system_v_parse(const char *text, enum system_v_kind kind, struct system_v *ret) {
  const char *line = strchr(text, '\n');
  for (line = line ? line + 1 : NULL; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
    int key, id;
    unsigned mode;
    unsigned long size;
    if (sscanf(line, "%d %d %o %lu", &key, &id, &mode, &size) != 4 || id < 0)
      return -EBADMSG;
    array_reserve(ret->item, ret->count, ret->capacity);
    ret->item[ret->count++] = (struct system_v_object){.kind = kind,
                                                       .id = id,
                                                       .key = key,
                                                       .is_removed = kind == SEGMENT && mode & SHM_DEST,
                                                       .size = kind == QUEUE ? 0 : size};
  }
  return 0;
}

int system_v_list(struct system_v *ret) {
  *ret = (struct system_v){0};
  for (int kind = 0; kind < SYSTEM_V_KINDS; kind++) {
    _cleanup_free_ char *text = NULL;
    int r = file_read(lists[kind], LIST_MAX, &text, NULL);
    if (r == -ENOENT)  // a kernel without them
      continue;
    if (r == 0)
      r = system_v_parse(text, (enum system_v_kind)kind, ret);
    if (r < 0)
      return r;
  }
  return 0;
}

struct system_v_object *system_v_find(const struct system_v *v, enum system_v_kind kind, int id) {
  for (size_t i = 0; i < v->count; i++)
    if (v->item[i].kind == kind && v->item[i].id == id)
      return &v->item[i];
  return NULL;
}

void system_v_object_done(struct system_v_object *o) {
  for (size_t i = 0; i < o->runs; i++)
    free(o->run[i].bytes);
  for (size_t i = 0; i < o->messages; i++)
    free(o->message[i].bytes);
  free(o->run);
  free(o->message);
  free(o->value);
}

void system_v_done(struct system_v *v) {
  for (size_t i = 0; i < v->count; i++)
    system_v_object_done(&v->item[i]);
  free(v->item);
  *v = (struct system_v){0};
}

// ---- what is in them ----

static void take_rights(struct system_v_object *o, const struct ipc_perm *p) {
  o->uid = p->uid;
  o->gid = p->gid;
  o->mode = p->mode & 0777;
}

static int read_semaphores(struct system_v_object *o) {
  struct semid_ds ds;
  if (semctl(o->id, 0, IPC_STAT, &ds) < 0)
    return -errno;
  take_rights(o, &ds.sem_perm);
  o->size = ds.sem_nsems;
  o->value = must_alloc((o->size + 1) * sizeof *o->value);
  return semctl(o->id, 0, GETALL, o->value) < 0 ? -errno : 0;
}

struct message_room {
  long type;
  unsigned char bytes[];
};

// The message of that index stays in its queue. -ENOMSG: there are no more.
static int read_message(int id, long index, struct system_v_message *ret) {
  for (size_t size = MESSAGE_FIRST; size <= MESSAGE_MAX; size *= 2) {
    _cleanup_free_ struct message_room *room = must_alloc(sizeof *room + size);
    ssize_t n = msgrcv(id, room, size, index, MSG_COPY | IPC_NOWAIT);
    if (n < 0 && errno == E2BIG)
      continue;
    if (n < 0)
      return -errno;
    *ret = (struct system_v_message){room->type, (size_t)n, must_alloc((size_t)n + 1)};
    memcpy(ret->bytes, room->bytes, (size_t)n);
    return 0;
  }
  return -E2BIG;
}

static int read_queue(struct system_v_object *o) {
  struct msqid_ds ds;
  if (msgctl(o->id, IPC_STAT, &ds) < 0)
    return -errno;
  take_rights(o, &ds.msg_perm);
  o->size = ds.msg_qbytes;
  for (msgqnum_t i = 0; i < ds.msg_qnum; i++) {
    array_reserve(o->message, o->messages, o->message_capacity);
    int r = read_message(o->id, (long)i, &o->message[o->messages]);
    if (r < 0)
      return r;
    o->messages++;
  }
  return 0;
}

static int (*const readers[SYSTEM_V_KINDS])(struct system_v_object *) = {
    [SEGMENT] = system_v_segment_read, [SEMAPHORES] = read_semaphores, [QUEUE] = read_queue};

int system_v_read(struct system_v_object *ret) { return readers[ret->kind](ret); }

int system_v_capture(struct system_v *ret, struct error *e) {
  *ret = (struct system_v){0};
  int r = fault(FAULT_capture_system_v);
  if (r == 0)
    r = system_v_list(ret);
  if (r < 0)
    return error_set_errno(e, r, "cannot list the System V objects of the session");
  for (size_t i = 0; i < ret->count; i++) {
    struct system_v_object *o = &ret->item[i];
    r = system_v_read(o);
    if (r < 0)
      return error_set_errno(e, r, "cannot read the System V %s %d", names[o->kind], o->id);
  }
  return 0;
}
