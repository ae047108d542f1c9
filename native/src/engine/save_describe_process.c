// SPDX-License-Identifier: EPL-2.0
// What an image tells of one process, but for its threads.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/host.h"
#include "engine/save_state.h"
#include "proc/memory_fields.h"

typedef Snapback__Image__Process Process;
#define KIND(name) SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_##name

// ---- mappings ----

static Snapback__Image__MappingKind kind_of(const struct mapping *m) {
  if (mapping_is_special(m) || m->start >= arch_user_end)
    return KIND(KERNEL);
  if (mapping_is_system_v(m))
    return KIND(SYSTEM_V);
  if (mapping_is_shared_memory(m))
    return KIND(SHARED_OBJECT);
  if (m->shared)
    return KIND(FILE_SHARED);
  return m->inode ? KIND(FILE_PRIVATE) : KIND(ANONYMOUS);
}

static Snapback__Image__Mapping *describe_mapping(const struct describing *d, const struct mapping *m) {
  Snapback__Image__Mapping *mapping = NEW(Mapping, MAPPING);
  mapping->start = m->start;
  mapping->end = m->end;
  mapping->protection = (uint32_t)m->protection;
  mapping->kind = kind_of(m);
  mapping->offset = m->offset;
  mapping->name = must_strdup(m->name);
  if (m->inode && mapping->kind != KIND(KERNEL) && mapping->kind != KIND(SYSTEM_V)) {
    mapping->file = describe_named_file(m->name, m->inode);
    mapping->shared_object = shared_object_id(d, m->device, m->inode);
  }
  return mapping;
}

static void describe_mappings(const struct describing *d, const struct mappings *maps, Process *p) {
  for (size_t i = 0; i < maps->count; i++)
    APPEND(p->mapping, p->n_mapping, describe_mapping(d, &maps->item[i]));
}

static void describe_kept_out(const struct process_state *s, Process *p) {
  for (size_t i = 0; i < s->kept_out_count; i++) {
    Snapback__Image__PageRange *range = NEW(PageRange, PAGE_RANGE);
    range->start = s->kept_out[i].start;
    range->end = s->kept_out[i].end;
    APPEND(p->kept_out, p->n_kept_out, range);
  }
}

static void describe_wiped_and_locked(const struct process_state *s, Process *p) {
  for (size_t i = 0; i < s->wiped_count; i++) {
    Snapback__Image__PageRange *range = NEW(PageRange, PAGE_RANGE);
    range->start = s->wiped[i].start;
    range->end = s->wiped[i].end;
    APPEND(p->wiped, p->n_wiped, range);
  }
  for (size_t i = 0; i < s->locks.count; i++) {
    Snapback__Image__LockedRange *range = NEW(LockedRange, LOCKED_RANGE);
    range->start = s->locks.item[i].start;
    range->end = s->locks.item[i].end;
    range->on_fault = s->locks.item[i].on_fault;
    APPEND(p->locked, p->n_locked, range);
  }
  p->locks_future = s->locks.future;
  p->locks_future_on_fault = s->locks.future_on_fault;
}

// ---- what the template has of the process ----

int save_describe_memory_fields(const struct process_state *s, Process *p, struct error *e) {
  struct memory_fields m;
  int r = memory_fields_read(s->template.pid, &m);
  if (r < 0)
    return error_set_errno(e, r, "cannot read where the memory of process %d is", s->pid);
  Snapback__Image__MemoryFields *fields = p->memory_fields = NEW(MemoryFields, MEMORY_FIELDS);
  fields->start_code = m.start_code;
  fields->end_code = m.end_code;
  fields->start_data = m.start_data;
  fields->end_data = m.end_data;
  fields->start_brk = m.start_brk;
  fields->brk = s->brk;
  fields->start_stack = m.start_stack;
  fields->arg_start = m.arg_start;
  fields->arg_end = m.arg_end;
  fields->env_start = m.env_start;
  fields->env_end = m.env_end;
  return 0;
}

static char *link_of(const char *path) {
  char target[SAVE_PATH_MAX];
  ssize_t n = readlink(path, target, sizeof target - 1);
  return n < 0 ? must_strdup("") : must_format("%.*s", (int)n, target);
}

static void describe_folder_and_executable(const struct process_state *s, Process *p) {
  _cleanup_free_ char *exe = must_format("/proc/%d/exe", s->template.pid);
  _cleanup_free_ char *link = link_of(exe);
  p->executable = describe_named_file(link, s->executable_inode);
  _cleanup_free_ char *pin = must_format("/proc/self/fd/%d", s->directory.pin);
  p->working_directory = s->directory.pin >= 0 ? link_of(pin) : must_strdup("");
  p->umask = s->directory.umask;
}

static uint64_t personality_of(pid_t pid) {
  char path[64];
  _cleanup_free_ char *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/personality", pid);
  return file_read(path, 64, &text, NULL) < 0 ? 0 : strtoull(text, NULL, 16);
}

// The debugger, if it is in the image, too.
static pid_t debugger_of(const struct process_state *s, const Snapback__Image__Image *image) {
  for (size_t i = 0; i < image->n_process; i++)
    if (s->is_inferior && image->process[i]->pid == s->engine->debugger)
      return s->engine->debugger;
  return 0;
}

static Process *begin_process(const struct process_state *s, struct describing *d) {
  Process *p = NEW(Process, PROCESS);
  APPEND(d->image->process, d->image->n_process, p);
  p->pid = s->pid;
  p->group = host_group_inside(s);
  p->session = host_session_inside(s);
  p->foreground = s->was_foreground;
  p->space = (uint32_t)d->image->n_process;
  p->area = s->area;
  p->narrow = process_is_narrow(s);
  if (s->local_segments.size)
    set_bytes(&p->local_segments, s->local_segments.bytes, s->local_segments.size);
  p->personality = personality_of(s->template.pid);
  p->is_debugger = s->engine->debugger == s->pid;
  p->traced_by = debugger_of(s, d->image);
  p->is_inferior = s->is_inferior;
  set_bytes(&p->auxiliary_vector, s->auxiliary_vector, s->auxiliary_size);
  timers_describe(&s->timers, p);
  pending_describe(&s->pending, &p->pending_signal, &p->n_pending_signal);
  set_bytes(&p->signal_actions, &s->actions, sizeof s->actions);
  return p;
}

int save_describe_process(struct describing *d, const struct process_state *s, struct error *e) {
  struct mappings maps;
  int r = template_mappings(s, &maps);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of process %d", s->pid);
  Process *p = begin_process(s, d);
  describe_folder_and_executable(s, p);
  process_attributes_describe(&s->attributes, p);
  describe_kept_out(s, p);
  describe_wiped_and_locked(s, p);
  save_describe_relatives(d, s, p);
  system_v_process_describe(&s->views, &s->adjustments, p);
  application_describe(s, p);
  shared_memory_describe(d, &s->shared, &maps, &s->descriptors);
  descriptors_describe(d, &s->descriptors, p);
  r = save_describe_memory_fields(s, p, e);
  if (r == 0)
    describe_mappings(d, &maps, p);
  if (r == 0)
    save_describe_threads(s, &maps, p);
  mappings_done(&maps);
  return r;
}
