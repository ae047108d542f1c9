// SPDX-License-Identifier: EPL-2.0
// Restart: the System V objects of an image, made anew in the session's IPC namespace, and what a process has of them.
#include <errno.h>
#include <string.h>
#include <sys/shm.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/restart_state.h"
#include "resource/space.h"

typedef Snapback__Image__SystemVObject image_object;

static void take_messages(const image_object *from, struct system_v_object *to) {
  for (size_t i = 0; i < from->n_message; i++) {
    const ProtobufCBinaryData *content = &from->message[i]->content;
    array_reserve(to->message, to->messages, to->message_capacity);
    struct system_v_message *m = &to->message[to->messages++];
    *m = (struct system_v_message){(long)from->message[i]->type, content->len, must_alloc(content->len + 1)};
    if (content->len)
      memcpy(m->bytes, content->data, content->len);
  }
}

static void take_values(const image_object *from, struct system_v_object *to) {
  to->value = must_alloc((from->n_value + 1) * sizeof *to->value);
  for (size_t i = 0; i < from->n_value; i++)
    to->value[i] = (unsigned short)from->value[i];
}

static void take_all(const Snapback__Image__Image *image, struct system_v *ret) {
  for (size_t i = 0; i < image->n_system_v; i++) {
    const image_object *from = image->system_v[i];
    array_reserve(ret->item, ret->count, ret->capacity);
    struct system_v_object *to = &ret->item[ret->count++];
    *to = (struct system_v_object){.kind = (enum system_v_kind)from->kind,
                                   .id = from->id,
                                   .key = from->key,
                                   .uid = geteuid() ? geteuid() : from->uid,
                                   .gid = geteuid() ? getegid() : from->gid,
                                   .mode = from->mode,
                                   .size = from->size,
                                   .is_removed = from->removed,
                                   .is_locked = from->locked};
    take_values(from, to);
    take_messages(from, to);
  }
}

// ---- bytes of a segment ----

struct attached {
  unsigned char *at;
  uint64_t size;
};

static int write_here(const void *data, uint64_t address, const void *bytes, size_t size) {
  const struct attached *a = data;
  if (address >= a->size)
    return 0;
  memcpy(a->at + address, bytes, size < a->size - address ? size : (size_t)(a->size - address));
  return 0;
}

static int fill(const struct image *image, const image_object *from, struct error *e) {
  struct attached a = {shmat(from->id, NULL, 0), from->size};
  if (a.at == (void *)-1)
    return error_set_errno(e, -errno, "cannot fill the System V shared memory %d", from->id);
  int r = space_copy(image, from->space, &(struct space_target){.write = write_here, .data = &a}, e);
  (void)shmdt(a.at);
  return r;
}

int restart_make_objects(struct restarting_tree *t, struct error *e) {
  const Snapback__Image__Image *image = t->tree->files.metadata;
  if (!image->n_system_v || t->tree->item[0].options.debugger)
    return 0;
  if (!t->engine->holds_system_v)
    return error_set(e, ERROR_REFUSED,
                     "the program had System V objects, which need an IPC namespace of the session's own: restart it "
                     "without --ipc=host");
  take_all(image, &t->system_v);
  t->engine->system_v_back = &t->system_v;
  if (system_v_plan(&t->system_v, e) < 0 || system_v_put_back(&t->system_v, e) < 0)
    return -1;
  for (size_t i = 0; i < image->n_system_v; i++)
    if (image->system_v[i]->kind == SNAPBACK__IMAGE__SYSTEM_VKIND__SYSTEM_V_KIND_SEGMENT &&
        fill(t->tree->files.image, image->system_v[i], e) < 0)
      return -1;
  return 0;
}

// ---- what the process has ----

int restart_attach(struct restarting *w, const Snapback__Image__Mapping *m, struct error *e) {
  for (size_t i = 0; i < w->r->process->n_view; i++) {
    const Snapback__Image__SystemVView *from = w->r->process->view[i];
    if (from->start != m->start)
      continue;
    const struct system_v_view v = {m->start, m->end, m->offset, from->id, (int)m->protection, from->read_only};
    return system_v_attach(w->main, &v, e);
  }
  return -ENOENT;
}

void restart_describe_adjustments(struct restarting *w) {
  struct semaphore_adjustments *to = &w->s->adjustments;
  for (size_t i = 0; i < w->r->process->n_adjustment; i++) {
    const Snapback__Image__SemaphoreAdjustment *a = w->r->process->adjustment[i];
    array_reserve(to->item, to->count, to->capacity);
    to->item[to->count++] = (struct semaphore_adjustment){a->id, (int)a->number, a->value};
  }
}
