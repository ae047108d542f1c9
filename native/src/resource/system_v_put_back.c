// SPDX-License-Identifier: EPL-2.0
// Putting System V objects back: those made since go, missing ones are made under their old ids, contents return.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "resource/system_v.h"

// semctl(2) wants it, and the C library does not say what it is.
union semaphore_argument {
  int value;
  struct semid_ds *set;
  unsigned short *values;
};

struct message_room {
  long type;
  unsigned char bytes[];
};

// ---- by kind ----

static int remove_object(const struct system_v_object *o) {
  int r = o->kind == SEGMENT      ? shmctl(o->id, IPC_RMID, NULL)
          : o->kind == SEMAPHORES ? semctl(o->id, 0, IPC_RMID)
                                  : msgctl(o->id, IPC_RMID, NULL);
  return r < 0 ? -errno : 0;
}

static const char *const next_ids[SYSTEM_V_KINDS] = {[SEGMENT] = "/proc/sys/kernel/shm_next_id",
                                                     [SEMAPHORES] = "/proc/sys/kernel/sem_next_id",
                                                     [QUEUE] = "/proc/sys/kernel/msg_next_id"};

// A key that is taken by nobody: a removed segment has none any more.
static int get_object(const struct system_v_object *o) {
  int flags = IPC_CREAT | IPC_EXCL | (int)o->mode;
  int id = o->kind == SEGMENT      ? shmget(o->key, o->size, flags)
           : o->kind == SEMAPHORES ? semget(o->key, (int)o->size, flags)
                                   : msgget(o->key, flags);
  return id < 0 ? -errno : id;
}

static int make_object(const struct system_v_object *o) {
  char text[16];
  (void)snprintf(text, sizeof text, "%d", o->id);
  int r = file_write_text(next_ids[o->kind], text);
  if (r < 0)
    return r;
  int id = get_object(o);
  if (id < 0 || id == o->id)
    return id < 0 ? id : 0;
  struct system_v_object wrong = *o;
  wrong.id = id;
  (void)remove_object(&wrong);
  return -EEXIST;
}

static int fill_semaphores(const struct system_v_object *o) {
  struct semid_ds ds;
  _cleanup_free_ unsigned short *now = must_alloc((o->size + 1) * sizeof *now);
  if (semctl(o->id, 0, IPC_STAT, (union semaphore_argument){.set = &ds}) < 0 ||
      semctl(o->id, 0, GETALL, (union semaphore_argument){.values = now}) < 0)
    return -errno;
  // To set values forgets all adjustments: each process has its own put back later.
  if (memcmp(now, o->value, o->size * sizeof *now) != 0 &&
      semctl(o->id, 0, SETALL, (union semaphore_argument){.values = o->value}) < 0)
    return -errno;
  if (ds.sem_perm.uid == o->uid && ds.sem_perm.gid == o->gid && (ds.sem_perm.mode & 0777) == o->mode)
    return 0;
  ds.sem_perm.uid = o->uid;
  ds.sem_perm.gid = o->gid;
  ds.sem_perm.mode = (unsigned short)o->mode;
  return semctl(o->id, 0, IPC_SET, (union semaphore_argument){.set = &ds}) < 0 ? -errno : 0;
}

static bool is_queue_alike(const struct system_v_object *a, const struct system_v_object *b) {
  if (a->messages != b->messages)
    return false;
  for (size_t i = 0; i < a->messages; i++)
    if (a->message[i].type != b->message[i].type || a->message[i].size != b->message[i].size ||
        memcmp(a->message[i].bytes, b->message[i].bytes, a->message[i].size) != 0)
      return false;
  return true;
}

static int drain_queue(int id) {
  struct message_room room;
  while (msgrcv(id, &room, 0, 0, MSG_NOERROR | IPC_NOWAIT) >= 0)
    continue;
  return errno == ENOMSG ? 0 : -errno;
}

static int send_all(const struct system_v_object *o) {
  int r = 0;
  for (size_t i = 0; r == 0 && i < o->messages; i++) {
    const struct system_v_message *m = &o->message[i];
    struct message_room *room = must_alloc(sizeof *room + m->size);
    room->type = m->type;
    memcpy(room->bytes, m->bytes, m->size);
    r = msgsnd(o->id, room, m->size, IPC_NOWAIT) < 0 ? -errno : 0;
    free(room);
  }
  return r;
}

static int set_queue(const struct system_v_object *o, uint64_t bytes) {
  struct msqid_ds ds;
  if (msgctl(o->id, IPC_STAT, &ds) < 0)
    return -errno;
  if (ds.msg_perm.uid == o->uid && ds.msg_perm.gid == o->gid && (ds.msg_perm.mode & 0777) == o->mode &&
      ds.msg_qbytes == bytes)
    return 0;
  ds.msg_perm.uid = o->uid;
  ds.msg_perm.gid = o->gid;
  ds.msg_perm.mode = (unsigned short)o->mode;
  ds.msg_qbytes = bytes;
  return msgctl(o->id, IPC_SET, &ds) < 0 ? -errno : 0;
}

// It may have been made to take less than it held already.
static int fill_queue(const struct system_v_object *o) {
  struct system_v_object now = {.kind = QUEUE, .id = o->id};
  uint64_t bytes = 0;
  int r = system_v_read(&now);
  if (r == 0 && !is_queue_alike(&now, o)) {
    for (size_t i = 0; i < o->messages; i++)
      bytes += o->message[i].size;
    r = drain_queue(o->id);
    if (r == 0)
      r = set_queue(o, bytes > o->size ? bytes : o->size);
    if (r == 0)
      r = send_all(o);
  }
  system_v_object_done(&now);
  return r < 0 ? r : set_queue(o, o->size);
}

static int fill_object(const struct system_v_object *o) {
  return o->kind == SEGMENT ? system_v_segment_fill(o) : o->kind == SEMAPHORES ? fill_semaphores(o) : fill_queue(o);
}

// ---- all ----

static const char *const names[SYSTEM_V_KINDS] = {
    [SEGMENT] = "shared memory", [SEMAPHORES] = "semaphores", [QUEUE] = "message queue"};

// Whether the object is still the one that it was. A segment that has been removed since cannot be unremoved; one that
// was removed then is removed again in the end.
static bool is_same(const struct system_v_object *now, const struct system_v_object *then) {
  if (!now || now->kind != then->kind || (now->is_removed && !then->is_removed))
    return false;
  bool has_key = now->key == then->key || then->is_removed;
  return has_key && (now->kind == QUEUE || now->size == then->size);
}

static bool is_kept(const struct system_v_object *now, const struct system_v *then) {
  const struct system_v_object *old = system_v_find(then, now->kind, now->id);
  return old && is_same(now, old);
}

static bool is_there(const struct system_v_object *then, const struct system_v *now) {
  return is_same(system_v_find(now, then->kind, then->id), then);
}

static int list_now(struct system_v *ret, struct error *e) {
  int r = system_v_list(ret);
  if (r == 0)
    return 0;
  system_v_done(ret);
  return error_set_errno(e, r, "cannot list the System V objects of the session");
}

static bool can_choose_ids(enum system_v_kind kind) {
  _cleanup_fd_ int fd = open(next_ids[kind], O_WRONLY | O_CLOEXEC);
  return fd >= 0;
}

int system_v_plan(const struct system_v *then, struct error *e) {
  struct system_v now;
  int r = list_now(&now, e);
  for (size_t i = 0; r == 0 && i < then->count; i++) {
    const struct system_v_object *o = &then->item[i];
    if (!is_there(o, &now) && !can_choose_ids(o->kind))
      r = error_set(e, ERROR_REFUSED,
                    "the System V %s %d has been removed since, and this kernel does not give an ordinary user an id "
                    "back: rewind to a snapshot behind that",
                    names[o->kind], o->id);
  }
  system_v_done(&now);
  return r;
}

static int hold(struct system_v_object *o) {
  if (!o->is_removed || o->held)
    return 0;
  void *at = shmat(o->id, NULL, SHM_RDONLY);
  o->held = at == (void *)-1 ? NULL : at;
  return o->held ? 0 : -errno;
}

void system_v_let_go(struct system_v *then) {
  for (size_t i = 0; i < then->count; i++)
    if (then->item[i].held)
      (void)shmdt(pointer_take(then->item[i].held));
}

int system_v_put_back(struct system_v *then, struct error *e) {
  struct system_v now;
  int r = fault(FAULT_rewind_system_v);
  if (r < 0)
    return error_set_errno(e, r, "cannot put the System V objects of the session back");
  if (list_now(&now, e) < 0)
    return -1;
  for (size_t i = 0; i < now.count; i++)
    if (!is_kept(&now.item[i], then) && !now.item[i].is_removed)
      (void)remove_object(&now.item[i]);
  for (size_t i = 0; r == 0 && i < then->count; i++) {
    struct system_v_object *o = &then->item[i];
    r = is_there(o, &now) ? 0 : make_object(o);
    if (r == 0)
      r = hold(o);
    if (r == 0)
      r = fill_object(o);
    if (r < 0)
      r = error_set_errno(e, r, "cannot put the System V %s %d back", names[o->kind], o->id);
  }
  system_v_done(&now);
  return r;
}

int system_v_finish(const struct system_v *then, struct error *e) {
  for (size_t i = 0; i < then->count; i++) {
    const struct system_v_object *o = &then->item[i];
    struct shmid_ds ds;
    if (!o->is_removed || shmctl(o->id, IPC_STAT, &ds) < 0 || (ds.shm_perm.mode & SHM_DEST))
      continue;
    int r = remove_object(o);
    if (r < 0)
      return error_set_errno(e, r, "cannot remove the System V %s %d again", names[o->kind], o->id);
  }
  return 0;
}

// ---- in each process ----

// The kernel counts pieces as views of their own, so one is taken as it is, or not at all.
static bool is_stale(const struct system_v_view *now, const struct system_v *objects, const struct system_v *then,
                     const struct system_v_views *views) {
  const struct system_v_object *o = system_v_find(objects, SEGMENT, now->id);
  const struct system_v_view *old = system_v_view_at(views, now->start);
  return !o || !is_kept(o, then) || !old || old->start != now->start || old->end != now->end ||
         old->offset != now->offset || old->id != now->id || old->is_read_only != now->is_read_only;
}

static int unmap_stale(struct executor *x, const struct system_v_views *now, const struct system_v *then,
                       const struct system_v_views *views, struct error *e) {
  struct system_v objects;
  if (list_now(&objects, e) < 0)
    return -1;
  int r = 0;
  for (size_t i = 0; r == 0 && i < now->count; i++) {
    const struct system_v_view *v = &now->item[i];
    if (is_stale(v, &objects, then, views))
      r = executor_call(x, e, SYS_munmap, v->start, v->end - v->start, 0, 0, 0, 0) == -EIO ? -1 : 0;
  }
  system_v_done(&objects);
  return r;
}

int system_v_detach_stale(struct executor *x, const struct system_v *then, const struct system_v_views *views,
                          struct error *e) {
  struct mappings maps;
  struct system_v_views now = {0};
  int r = mappings_read(executor_pid(x), &maps);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of process %d", executor_pid(x));
  r = system_v_views_read(executor_pid(x), &maps, &now, e);
  if (r == 0 && now.count)
    r = unmap_stale(x, &now, then, views, e);
  free(now.item);
  mappings_done(&maps);
  return r;
}
