// SPDX-License-Identifier: EPL-2.0
// What an image tells of the threads of a process.
#include <string.h>

#include "base/memory.h"
#include "engine/save_state.h"
#include "proc/memory.h"
#include "trace/arch/narrow.h"

static int32_t mapping_index(const struct mappings *maps, uint64_t address) {
  const struct mapping *m = mappings_at(maps, address);
  return m ? (int32_t)(m - maps->item) : -1;
}

// A call that was cut begins again: its instruction comes next, and its number stands where a result would.
static const char *call_of(const struct process_state *s, const struct thread_state *t) {
  unsigned char code[ARCH_CALL];
  if (memory_read(s->template.pid, arch_pc(&t->registers), code, sizeof code) < 0 || !arch_is_call(code))
    return NULL;
  long number = (long)arch_result(&t->registers);
  return save_call_name(process_is_narrow(s) ? arch_narrow_meaning(number) : number);
}

// The stop of a thread that nobody debugs is our own.
static void describe_state(const struct thread_state *t, bool is_debugged, Snapback__Image__Thread *thread) {
  set_bytes(&thread->registers, &t->registers, sizeof t->registers);
  set_bytes(&thread->extended, t->extended, t->extended_size);
  set_bytes(&thread->debug, t->debug, sizeof t->debug);
  set_bytes(&thread->segments, t->segment, sizeof t->segment);
  if (t->has_info && is_debugged)
    set_bytes(&thread->signal_info, &t->info, sizeof t->info);
  thread->mask = t->mask;
  thread->robust_head = t->robust_head;
  thread->robust_size = t->robust_size;
  thread->rseq_pointer = t->rseq.pointer;
  thread->rseq_size = t->rseq.size;
  thread->rseq_signature = t->rseq.signature;
  thread->tid_address = t->tid_address;
  thread->alternate_stack = (uint64_t)(uintptr_t)t->alternate.ss_sp;
  thread->alternate_flags = (uint32_t)t->alternate.ss_flags;
  thread->alternate_size = t->alternate.ss_size;
}

static Snapback__Image__Thread *describe_thread(const struct process_state *s, const struct mappings *maps,
                                                const struct thread_state *t) {
  Snapback__Image__Thread *thread = NEW(Thread, THREAD);
  thread->tid = t->tid;
  thread->name = must_strdup(t->name);
  describe_state(t, s->engine->debugger && s->engine->debugger != s->pid, thread);
  thread->pc = arch_pc(&t->registers);
  thread->sp = arch_sp(&t->registers);
  thread->fp = arch_fp(&t->registers);
  thread->last_frame_mapping = mapping_index(maps, thread->pc);
  thread_attributes_describe(&t->attributes, thread);
  thread->stop_waits = s->is_inferior && t->stop_pending;
  pending_describe(&t->pending, &thread->pending_signal, &thread->n_pending_signal);
  const char *call = call_of(s, t);
  if (call)
    thread->syscall = must_strdup(call);
  return thread;
}

void save_describe_threads(const struct process_state *s, const struct mappings *maps, Snapback__Image__Process *p) {
  for (size_t i = 0; i < s->threads; i++)
    APPEND(p->thread, p->n_thread, describe_thread(s, maps, &s->thread[i]));
}
