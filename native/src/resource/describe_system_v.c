// SPDX-License-Identifier: EPL-2.0
// What an image tells of System V objects, and of what processes have of them.
#include "base/memory.h"
#include "resource/describe.h"

static void describe_messages(const struct system_v_object *o, Snapback__Image__SystemVObject *to) {
  for (size_t i = 0; i < o->messages; i++) {
    Snapback__Image__SystemVMessage *m = NEW(SystemVMessage, SYSTEM_VMESSAGE);
    m->type = o->message[i].type;
    set_bytes(&m->content, o->message[i].bytes, o->message[i].size);
    APPEND(to->message, to->n_message, m);
  }
}

void system_v_describe(struct describing *d, const struct system_v *v) {
  for (size_t i = 0; i < v->count; i++) {
    const struct system_v_object *o = &v->item[i];
    Snapback__Image__SystemVObject *to = NEW(SystemVObject, SYSTEM_VOBJECT);
    to->kind = (Snapback__Image__SystemVKind)o->kind;
    to->id = o->id;
    to->key = o->key;
    to->uid = o->uid;
    to->gid = o->gid;
    to->mode = o->mode;
    to->size = o->size;
    to->removed = o->is_removed;
    to->locked = o->is_locked;
    to->space = o->kind == SEGMENT ? ++d->spaces : 0;
    for (size_t k = 0; o->kind == SEMAPHORES && k < o->size; k++)
      APPEND(to->value, to->n_value, o->value[k]);
    describe_messages(o, to);
    APPEND(d->image->system_v, d->image->n_system_v, to);
  }
}

void system_v_process_describe(const struct system_v_views *views, const struct semaphore_adjustments *adjustments,
                               Snapback__Image__Process *process) {
  for (size_t i = 0; i < views->count; i++) {
    Snapback__Image__SystemVView *view = NEW(SystemVView, SYSTEM_VVIEW);
    view->start = views->item[i].start;
    view->id = views->item[i].id;
    view->read_only = views->item[i].is_read_only;
    APPEND(process->view, process->n_view, view);
  }
  for (size_t i = 0; i < adjustments->count; i++) {
    Snapback__Image__SemaphoreAdjustment *a = NEW(SemaphoreAdjustment, SEMAPHORE_ADJUSTMENT);
    a->id = adjustments->item[i].id;
    a->number = (uint32_t)adjustments->item[i].number;
    a->value = adjustments->item[i].value;
    APPEND(process->adjustment, process->n_adjustment, a);
  }
}
