// SPDX-License-Identifier: EPL-2.0
// Whether metadata describes a session that can be: each part by itself, and every number that names another part.
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "image/metadata.h"
#include "image/metadata_kinds.h"

enum {
  REGISTER_BYTES = 27 * 8,
  SIGNAL_ACTION_BYTES = 65 * 4 * 8,
  SIGNAL_INFO_BYTES = 128,
  LAST_SIGNAL = 64,
  LAST_STATUS = 255,
  INTERVAL_TIMERS = 3,
  EXTENDED_MAX = 1 << 16,
  DEBUG_MAX = 8 * 8,
  SEGMENT_BYTES = 3 * 16,
  LOCAL_SEGMENTS_MAX = 8192 * 8,
  AUXILIARY_MAX = 4096,
  TERMIOS_MAX = 256,
  VDSO_MAX = 1 << 20,
  LIMITS = 16,
  AFFINITY_MAX = 1024,
  SETTINGS_MAX = 64,
  SEMAPHORE_MAX = 32767,
  PROCESSES_MAX = 4096,
  LAST_DESCRIPTOR = 1 << 30,
};

// Numbers by which parts are named: from 1, each once. Sorted, so that they are found quickly whoever wrote them.
struct numbers {
  uint32_t *item;
  size_t count, capacity;
};

static void number_add(struct numbers *n, uint32_t number) {
  array_reserve(n->item, n->count, n->capacity);
  n->item[n->count++] = number;
}

static int by_number(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static bool numbers_settle(struct numbers *n) {
  if (n->count)
    qsort(n->item, n->count, sizeof *n->item, by_number);
  for (size_t i = 0; i < n->count; i++)
    if (n->item[i] == 0 || (i && n->item[i] == n->item[i - 1]))
      return false;
  return true;
}

static bool number_found(const struct numbers *n, uint32_t number) {
  return n->count && bsearch(&number, n->item, n->count, sizeof *n->item, by_number);
}

// All that is named by numbers.
struct names {
  const Snapback__Image__Image *m;
  struct numbers spaces, pids, tids, open_files, pipes, objects;
};

static void names_done(struct names *n) {
  free(n->spaces.item);
  free(n->pids.item);
  free(n->tids.item);
  free(n->open_files.item);
  free(n->pipes.item);
  free(n->objects.item);
}

static void collect_system_v(struct names *n) {
  for (size_t i = 0; i < n->m->n_system_v; i++)
    if (n->m->system_v[i]->kind == SNAPBACK__IMAGE__SYSTEM_VKIND__SYSTEM_V_KIND_SEGMENT)
      number_add(&n->spaces, n->m->system_v[i]->space);
}

static void collect_process(struct names *n, const Snapback__Image__Process *p) {
  number_add(&n->spaces, p->space);
  number_add(&n->pids, (uint32_t)p->pid);
  for (size_t i = 0; i < p->n_thread; i++)
    number_add(&n->tids, (uint32_t)p->thread[i]->tid);
  for (size_t i = 0; i < p->n_zombie; i++)
    number_add(&n->tids, (uint32_t)p->zombie[i]->pid);
}

static bool collect(struct names *n) {
  for (size_t i = 0; i < n->m->n_process; i++)
    collect_process(n, n->m->process[i]);
  for (size_t i = 0; i < n->m->n_shared_object; i++) {
    number_add(&n->spaces, n->m->shared_object[i]->space);
    number_add(&n->objects, n->m->shared_object[i]->id);
  }
  collect_system_v(n);
  for (size_t i = 0; i < n->m->n_kept_file; i++)
    number_add(&n->spaces, n->m->kept_file[i]->space);
  for (size_t i = 0; i < n->m->n_open_file; i++)
    number_add(&n->open_files, n->m->open_file[i]->id);
  for (size_t i = 0; i < n->m->n_pipe; i++)
    number_add(&n->pipes, n->m->pipe[i]->id);
  return numbers_settle(&n->spaces) && numbers_settle(&n->pids) && numbers_settle(&n->tids) &&
         numbers_settle(&n->open_files) && numbers_settle(&n->pipes) && numbers_settle(&n->objects);
}

// ---- the parts of a process ----

// Nanoseconds that a kernel takes.
static bool span_sound(uint64_t ns) { return ns <= INT64_MAX / 2; }

#define MAPPING_KIND(name) SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_##name

static bool mapping_sound(const struct names *n, const Snapback__Image__Mapping *m) {
  if (!page_aligned(m->start) || !page_aligned(m->end) || !page_aligned(m->offset) || m->start >= m->end ||
      m->protection > 7)
    return false;
  switch (m->kind) {
  case MAPPING_KIND(ANONYMOUS):
  case MAPPING_KIND(KERNEL):
  case MAPPING_KIND(SYSTEM_V):
    return true;
  case MAPPING_KIND(FILE_PRIVATE):
  case MAPPING_KIND(FILE_SHARED):
    return m->file != NULL;
  case MAPPING_KIND(SHARED_OBJECT):
    return number_found(&n->objects, m->shared_object);
  default:
    return false;
  }
}

static bool mappings_sound(const struct names *n, const Snapback__Image__Process *p) {
  for (size_t i = 0; i < p->n_mapping; i++)
    if (!mapping_sound(n, p->mapping[i]) || (i && p->mapping[i - 1]->end > p->mapping[i]->start))
      return false;
  return p->n_mapping > 0;
}

// A signal that waits can be none that cannot be caught.
static bool pending_sound(const ProtobufCBinaryData *item, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int32_t number = 0;
    if (item[i].len != SIGNAL_INFO_BYTES)
      return false;
    memcpy(&number, item[i].data, sizeof number);
    if (number < 1 || number > LAST_SIGNAL || number == SIGKILL || number == SIGSTOP)
      return false;
  }
  return true;
}

// Whether a policy or a setting can be had is for the kernel to say.
static bool attributes_sound(const Snapback__Image__ThreadAttributes *a) {
  return !a || (a->affinity.len <= AFFINITY_MAX && a->n_setting <= SETTINGS_MAX);
}

static bool thread_sound(const Snapback__Image__Process *p, const Snapback__Image__Thread *t) {
  return t->tid > 0 && t->registers.len == REGISTER_BYTES && t->extended.len <= EXTENDED_MAX &&
         t->debug.len <= DEBUG_MAX && t->debug.len % 8 == 0 &&
         (t->segments.len == 0 || t->segments.len == SEGMENT_BYTES) &&
         pending_sound(t->pending_signal, t->n_pending_signal) && attributes_sound(t->attributes) &&
         (t->signal_info.len == 0 || t->signal_info.len == SIGNAL_INFO_BYTES) && t->last_frame_mapping >= -1 &&
         (t->last_frame_mapping == -1 || (size_t)t->last_frame_mapping < p->n_mapping);
}

static bool threads_sound(const Snapback__Image__Process *p) {
  for (size_t i = 0; i < p->n_thread; i++)
    if (!thread_sound(p, p->thread[i]))
      return false;
  return p->n_thread > 0 && p->thread[0]->tid == p->pid;
}

static bool descriptors_sound(const struct names *n, const Snapback__Image__Process *p) {
  struct numbers used = {0};
  bool sound = true;
  for (size_t i = 0; i < p->n_descriptor && sound; i++) {
    const Snapback__Image__Descriptor *d = p->descriptor[i];
    sound = d->number >= 0 && d->number <= LAST_DESCRIPTOR && number_found(&n->open_files, d->open_file);
    number_add(&used, (uint32_t)d->number + 1);
  }
  sound = sound && numbers_settle(&used);
  free(used.item);
  return sound;
}

static bool locked_sound(const Snapback__Image__Process *p) {
  for (size_t i = 0; i < p->n_wiped; i++)
    if (!page_aligned(p->wiped[i]->start) || !page_aligned(p->wiped[i]->end) || p->wiped[i]->start >= p->wiped[i]->end)
      return false;
  for (size_t i = 0; i < p->n_locked; i++)
    if (!page_aligned(p->locked[i]->start) || !page_aligned(p->locked[i]->end) ||
        p->locked[i]->start >= p->locked[i]->end)
      return false;
  return true;
}

static bool ranges_sound(const Snapback__Image__Process *p) {
  for (size_t i = 0; i < p->n_kept_out; i++) {
    const Snapback__Image__PageRange *r = p->kept_out[i];
    if (!page_aligned(r->start) || !page_aligned(r->end) || r->start >= r->end ||
        (i && p->kept_out[i - 1]->end > r->start))
      return false;
  }
  return page_aligned(p->area) && locked_sound(p);
}

static bool limits_sound(const Snapback__Image__Process *p) {
  for (size_t i = 0; i < p->n_limit; i++)
    if (p->limit[i]->resource >= LIMITS || p->limit[i]->soft > p->limit[i]->hard)
      return false;
  return p->n_limit <= LIMITS && (!p->attributes || p->attributes->n_setting <= SETTINGS_MAX);
}

static bool tables_sound(const Snapback__Image__Process *p) {
  return p->executable && p->memory_fields && p->local_segments.len <= LOCAL_SEGMENTS_MAX &&
         p->local_segments.len % 8 == 0 && pending_sound(p->pending_signal, p->n_pending_signal) &&
         p->auxiliary_vector.len <= AUXILIARY_MAX && p->auxiliary_vector.len % 16 == 0 &&
         (p->signal_actions.len == 0 || p->signal_actions.len == SIGNAL_ACTION_BYTES);
}

static bool adjustments_sound(const Snapback__Image__Process *p) {
  for (size_t i = 0; i < p->n_adjustment; i++)
    if (p->adjustment[i]->value < -SEMAPHORE_MAX - 1 || p->adjustment[i]->value > SEMAPHORE_MAX ||
        p->adjustment[i]->number > INT32_MAX)
      return false;
  return true;
}

static bool timers_sound(const Snapback__Image__Process *p) {
  for (size_t i = 0; i < p->n_interval_timer; i++)
    if (!span_sound(p->interval_timer[i]->value_ns) || !span_sound(p->interval_timer[i]->interval_ns))
      return false;
  for (size_t i = 0; i < p->n_timer; i++) {
    const Snapback__Image__Timer *t = p->timer[i];
    if (t->id < 0 || (i && p->timer[i - 1]->id >= t->id) || t->signal < 0 || t->signal > LAST_SIGNAL || !t->left ||
        !span_sound(t->left->value_ns) || !span_sound(t->left->interval_ns))
      return false;
  }
  return p->n_interval_timer == 0 || p->n_interval_timer == INTERVAL_TIMERS;
}

// A parent stands before its children: there is a way to make them all.
static bool parent_sound(const struct names *n, const Snapback__Image__Process *p) {
  size_t i = 0;
  while (p->parent && n->m->process[i] != p && n->m->process[i]->pid != p->parent)
    i++;
  return p->parent == 0 || n->m->process[i] != p;
}

static bool relatives_sound(const struct names *n, const Snapback__Image__Process *p) {
  return p->pid > 0 && p->group >= 0 && p->session >= 0 && parent_sound(n, p) && p->traced_by != p->pid &&
         (p->traced_by == 0 || number_found(&n->pids, (uint32_t)p->traced_by));
}

static bool zombie_sound(const Snapback__Image__Zombie *z) {
  bool is_status = z->killed ? z->status >= 1 && z->status <= LAST_SIGNAL : z->status >= 0 && z->status <= LAST_STATUS;
  return z->pid > 0 && z->group >= 0 && z->session >= 0 && is_status;
}

static bool has_descriptor(const Snapback__Image__Process *p, int32_t number) {
  for (size_t i = 0; i < p->n_descriptor; i++)
    if (p->descriptor[i]->number == number)
      return true;
  return false;
}

static bool family_sound(const Snapback__Image__Process *p) {
  for (size_t i = 0; i < p->n_zombie; i++)
    if (!zombie_sound(p->zombie[i]))
      return false;
  for (size_t i = 0; i < p->n_lock; i++)
    if (!p->lock[i]->lock || !has_descriptor(p, p->lock[i]->number))
      return false;
  return p->parent_death_signal >= 0 && p->parent_death_signal <= LAST_SIGNAL;
}

static const char *fault_of_process(const struct names *n, const Snapback__Image__Process *p) {
  if (!relatives_sound(n, p))
    return "names a process that is not in it, or not before its children";
  if (!tables_sound(p))
    return "describes a process incompletely";
  if (!mappings_sound(n, p))
    return "describes mappings that cannot be";
  if (!threads_sound(p))
    return "describes threads that cannot be";
  if (!descriptors_sound(n, p))
    return "describes descriptors that cannot be";
  return ranges_sound(p) && adjustments_sound(p) && limits_sound(p) && timers_sound(p) && family_sound(p)
             ? NULL
             : "describes a process that cannot be";
}

// ---- what processes share ----

#define FILE_KIND(name) SNAPBACK__IMAGE__OPEN_FILE_KIND__OPEN_FILE_KIND_##name
#define OBJECT_KIND(name) SNAPBACK__IMAGE__SHARED_OBJECT_KIND__SHARED_OBJECT_KIND_##name

static bool open_file_sound(const struct names *n, const Snapback__Image__OpenFile *f) {
  if (f->kind <= FILE_KIND(UNSPECIFIED) || !kind_known(f->kind) || f->termios.len > TERMIOS_MAX)
    return false;
  if ((f->kind == FILE_KIND(SOCKET)) != (f->socket != NULL))
    return false;
  if (f->kind == FILE_KIND(FILE) && !f->file)
    return false;
  if (f->kind == FILE_KIND(PIPE) && !number_found(&n->pipes, f->pipe))
    return false;
  if (f->kind == FILE_KIND(SHARED_OBJECT) && !number_found(&n->objects, f->shared_object))
    return false;
  if (f->kind == FILE_KIND(TIMERFD) &&
      (!f->timer || !span_sound(f->timer->value_ns) || !span_sound(f->timer->interval_ns)))
    return false;
  for (size_t i = 0; i < f->n_watch; i++)
    if (f->watch[i]->number < 0)
      return false;
  return open_file_kinds_sound(n->m, f) && f->outside_number >= -1 && f->outside_number <= 2;
}

// Sizes are the kernel's to refuse; what is in an object fits into it.
static bool system_v_sound(const Snapback__Image__SystemVObject *o) {
  for (size_t i = 0; i < o->n_value; i++)
    if (o->value[i] > SEMAPHORE_MAX)
      return false;
  for (size_t i = 0; i < o->n_message; i++)
    if (o->message[i]->type < 1)
      return false;
  switch (o->kind) {
  case SNAPBACK__IMAGE__SYSTEM_VKIND__SYSTEM_V_KIND_SEGMENT:
    return o->id >= 0 && o->size && o->size <= INT64_MAX / 2 && o->mode <= 0777;
  case SNAPBACK__IMAGE__SYSTEM_VKIND__SYSTEM_V_KIND_SEMAPHORES:
    return o->id >= 0 && o->size && o->size == o->n_value && o->mode <= 0777;
  case SNAPBACK__IMAGE__SYSTEM_VKIND__SYSTEM_V_KIND_QUEUE:
    return o->id >= 0 && o->size <= INT64_MAX / 2 && o->mode <= 0777;
  default:
    return false;
  }
}

static bool has_open_file(const void *names, uint32_t id) {
  return number_found(&((const struct names *)names)->open_files, id);
}

static bool shared_parts_sound(const struct names *n) {
  const Snapback__Image__Image *m = n->m;
  for (size_t i = 0; i < m->n_open_file; i++)
    if (!open_file_sound(n, m->open_file[i]))
      return false;
  for (size_t i = 0; i < m->n_pipe; i++)
    if (m->pipe[i]->content.len > m->pipe[i]->capacity)
      return false;
  for (size_t i = 0; i < m->n_shared_object; i++)
    if (m->shared_object[i]->kind <= OBJECT_KIND(UNSPECIFIED) || m->shared_object[i]->kind > OBJECT_KIND(FILE))
      return false;
  for (size_t i = 0; i < m->n_system_v; i++)
    if (!system_v_sound(m->system_v[i]))
      return false;
  for (size_t i = 0; i < m->n_kept_file; i++)
    if (!m->kept_file[i]->file)
      return false;
  return pipes_sound(m) && pseudo_terminals_sound(m) && message_queues_sound(m) &&
         metadata_sockets_sound(m, has_open_file, n);
}

static bool tracing_sound(const struct names *n, const Snapback__Image__Tracing *t) {
  return number_found(&n->pids, (uint32_t)t->tracer_process) && number_found(&n->pids, (uint32_t)t->process) &&
         t->tracer_process != t->process && number_found(&n->tids, (uint32_t)t->tracer) &&
         number_found(&n->tids, (uint32_t)t->thread) && t->stop >= 0 &&
         t->stop <= SNAPBACK__IMAGE__TRACING_STOP__TRACING_STOP_LISTENING && t->registers.len == REGISTER_BYTES &&
         t->signal_info.len == SIGNAL_INFO_BYTES && t->debug.len <= DEBUG_MAX;
}

static bool tracings_sound(const struct names *n) {
  for (size_t i = 0; i < n->m->n_tracing; i++)
    if (!tracing_sound(n, n->m->tracing[i]))
      return false;
  return true;
}

static bool ancestors_sound(const Snapback__Image__Image *m) {
  for (size_t i = 0; i < m->n_ancestor; i++)
    if (m->ancestor[i]->id.len != IMAGE_ID || !*m->ancestor[i]->file || strchr(m->ancestor[i]->file, '/'))
      return false;
  return true;
}

static bool machine_sound(const Snapback__Image__Machine *m) {
  return m && *m->architecture && m->page_size == IMAGE_PAGE && m->vdso.len <= VDSO_MAX &&
         m->vdso.len % IMAGE_PAGE == 0 && m->narrow_vdso.len <= VDSO_MAX && m->narrow_vdso.len % IMAGE_PAGE == 0;
}

// ---- all ----

static const char *fault_of_parts(struct names *n) {
  if (!collect(n))
    return "gives a number twice, or one that cannot be";
  for (size_t i = 0; i < n->m->n_process; i++) {
    const char *wrong = fault_of_process(n, n->m->process[i]);
    if (wrong)
      return wrong;
  }
  if (!tracings_sound(n))
    return "tells of tracers that cannot be";
  return shared_parts_sound(n) ? NULL : "describes files, pipes or shared memory that cannot be";
}

const char *metadata_check(const Snapback__Image__Image *m) {
  if (!machine_sound(m->machine))
    return "does not describe the machine";
  if (!m->n_process || m->n_process > PROCESSES_MAX)
    return "describes no process, or too many";
  if (!ancestors_sound(m))
    return "names ancestors that cannot be";
  struct names n = {.m = m};
  const char *wrong = fault_of_parts(&n);
  names_done(&n);
  return wrong;
}
