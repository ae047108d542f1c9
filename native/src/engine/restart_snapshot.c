// SPDX-License-Identifier: EPL-2.0
// Restart: the image's process as a snapshot without a template, so that what a rewind puts back can be put back.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/memory.h"
#include "engine/restart_state.h"

typedef Snapback__Image__Thread image_thread;

// A machine with more registers has a longer state; what the image lacks of it is in its initial state.
static int fit_extended(const struct restarting *w, const image_thread *from, struct thread_state *t, struct error *e) {
  unsigned char own[ARCH_EXTENDED_MAX];
  struct iovec v = {own, sizeof own};
  if (ptrace(PTRACE_GETREGSET, w->f.pid, (void *)(uintptr_t)ARCH_EXTENDED_NOTE, &v) < 0)
    return error_set_errno(e, -errno, "cannot read the registers of the new process");
  t->extended_size = v.iov_len;
  t->extended = must_alloc(t->extended_size);
  memcpy(t->extended, from->extended.data,
         from->extended.len < t->extended_size ? from->extended.len : t->extended_size);
  return 0;
}

static void describe_pending(const ProtobufCBinaryData *from, size_t count, struct pending_signals *ret) {
  ret->item = must_alloc((count + 1) * sizeof *ret->item);
  for (; ret->count < count; ret->count++)
    memcpy(&ret->item[ret->count], from[ret->count].data, sizeof *ret->item);
}

static int describe_thread(const struct restarting *w, const image_thread *from, struct thread_state *t,
                           struct error *e) {
  *t = (struct thread_state){
      .tid = from->tid,
      .mask = from->mask,
      .robust_head = from->robust_head,
      .robust_size = from->robust_size,
      .rseq = {from->rseq_pointer, from->rseq_size, from->rseq_signature, 0, 0},
      .tid_address = from->tid_address,
      .alternate = {.ss_sp = (void *)(uintptr_t)from->alternate_stack,
                    .ss_flags = (int)from->alternate_flags,
                    .ss_size = from->alternate_size},
  };
  (void)snprintf(t->name, sizeof t->name, "%s", from->name);
  recreate_thread_attributes(from->attributes, &t->attributes);
  describe_pending(from->pending_signal, from->n_pending_signal, &t->pending);
  if (from->registers.len != sizeof t->registers)
    return error_set(e, ERROR_REFUSED, "the registers of thread %d in the image are of another size than here", t->tid);
  memcpy(&t->registers, from->registers.data, sizeof t->registers);
  if (from->segments.len == sizeof t->segment)
    memcpy(t->segment, from->segments.data, sizeof t->segment);
  return fit_extended(w, from, t, e);
}

static int describe_threads(struct restarting *w, struct error *e) {
  const Snapback__Image__Process *p = w->r->process;
  w->s->thread = must_alloc((p->n_thread + 1) * sizeof *w->s->thread);
  for (; w->s->threads < p->n_thread; w->s->threads++)
    if (describe_thread(w, p->thread[w->s->threads], &w->s->thread[w->s->threads], e) < 0)
      return -1;
  w->s->thread[0].stop_pending = p->stop_waits;
  return 0;
}

static int describe_directory(struct restarting *w, struct error *e) {
  struct working_directory *d = &w->s->directory;
  struct stat st;
  d->pin = open(w->r->directory, O_PATH | O_CLOEXEC);
  if (d->pin < 0 || fstat(d->pin, &st) < 0)
    return error_set_errno(e, -errno, "cannot open the working directory %s", w->r->directory);
  d->device = st.st_dev;
  d->inode = st.st_ino;
  d->umask = w->r->process->umask;
  return 0;
}

static void describe_timers(struct restarting *w) {
  const Snapback__Image__Process *p = w->r->process;
  struct timers *t = &w->s->timers;
  for (size_t i = 0; i < p->n_interval_timer && i < INTERVAL_TIMERS; i++)
    t->interval[i] = (struct timer_span){p->interval_timer[i]->value_ns, p->interval_timer[i]->interval_ns};
  t->item = must_alloc((p->n_timer + 1) * sizeof *t->item);
  for (; t->count < p->n_timer; t->count++) {
    const Snapback__Image__Timer *from = p->timer[t->count];
    t->item[t->count] = (struct posix_timer){.id = from->id,
                                             .clock = from->clock,
                                             .notify = from->notify,
                                             .signal = from->signal,
                                             .thread = from->thread,
                                             .value = from->value,
                                             .left = {from->left->value_ns, from->left->interval_ns}};
  }
}

static void describe_local_segments(struct restarting *w) {
  const ProtobufCBinaryData *from = &w->r->process->local_segments;
  w->s->local_segments = (struct local_segments){.bytes = must_alloc(from->len + 1), .size = from->len};
  if (from->len)
    memcpy(w->s->local_segments.bytes, from->data, from->len);
}

static void describe_kept_out(struct restarting *w) {
  const Snapback__Image__Process *p = w->r->process;
  w->s->kept_out = must_alloc((p->n_kept_out + 1) * sizeof *w->s->kept_out);
  for (; w->s->kept_out_count < p->n_kept_out; w->s->kept_out_count++) {
    const Snapback__Image__PageRange *range = p->kept_out[w->s->kept_out_count];
    w->s->kept_out[w->s->kept_out_count] = (struct page_range){range->start, range->end};
  }
}

static void describe_wiped(struct restarting *w) {
  const Snapback__Image__Process *p = w->r->process;
  w->s->wiped = must_alloc((p->n_wiped + 1) * sizeof *w->s->wiped);
  for (; w->s->wiped_count < p->n_wiped; w->s->wiped_count++)
    w->s->wiped[w->s->wiped_count] =
        (struct page_range){p->wiped[w->s->wiped_count]->start, p->wiped[w->s->wiped_count]->end};
}

static void describe_locks(struct restarting *w) {
  const Snapback__Image__Process *p = w->r->process;
  struct memory_locks *to = &w->s->locks;
  for (size_t i = 0; i < p->n_locked; i++) {
    array_reserve(to->item, to->count, to->capacity);
    to->item[to->count++] = (struct locked_range){p->locked[i]->start, p->locked[i]->end, p->locked[i]->on_fault};
  }
  to->future = p->locks_future;
  to->future_on_fault = p->locks_future_on_fault;
}

int restart_describe(struct restarting *w, struct error *e) {
  const ProtobufCBinaryData *actions = &w->r->process->signal_actions;
  if (actions->len != sizeof w->s->actions)
    return error_set(e, ERROR_REFUSED, "the signal actions in the image are of another size than here");
  memcpy(&w->s->actions, actions->data, actions->len);
  w->s->relatives = (struct relatives){w->r->process->subreaper, w->r->process->parent_death_signal};
  describe_local_segments(w);
  describe_kept_out(w);
  describe_wiped(w);
  describe_locks(w);
  recreate_process_attributes(w->r->process, &w->s->attributes);
  restart_describe_adjustments(w);
  describe_timers(w);
  describe_pending(w->r->process->pending_signal, w->r->process->n_pending_signal, &w->s->pending);
  return describe_threads(w, e) < 0 || describe_directory(w, e) < 0 ||
                 recreation_descriptors(w->r->files, w->r->process, &w->s->descriptors, e) < 0
             ? -1
             : 0;
}
