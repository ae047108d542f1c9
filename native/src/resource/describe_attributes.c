// SPDX-License-Identifier: EPL-2.0
// What an image tells of the attributes of processes and threads.
#include "base/memory.h"
#include "resource/describe.h"

#define DESCRIBE_SETTINGS(message, settings, count)          \
  for (uint32_t i_ = 0; i_ < (count); i_++) {                \
    if (!(settings)[i_].is_known)                            \
      continue;                                              \
    Snapback__Image__Setting *item_ = NEW(Setting, SETTING); \
    item_->number = i_;                                      \
    item_->value = (settings)[i_].value;                     \
    APPEND((message)->setting, (message)->n_setting, item_); \
  }

void process_attributes_describe(const struct process_attributes *a, Snapback__Image__Process *process) {
  Snapback__Image__ProcessAttributes *to = process->attributes = NEW(ProcessAttributes, PROCESS_ATTRIBUTES);
  to->oom_score_adjustment = a->oom_score_adjustment;
  to->core_filter = a->core_filter;
  DESCRIBE_SETTINGS(to, a->setting, PROCESS_SETTINGS)
  for (uint32_t i = 0; i < LIMITS; i++) {
    Snapback__Image__Limit *item = NEW(Limit, LIMIT);
    item->resource = i;
    item->soft = a->limit[i].rlim_cur;
    item->hard = a->limit[i].rlim_max;
    APPEND(process->limit, process->n_limit, item);
  }
}

void thread_attributes_describe(const struct thread_attributes *a, Snapback__Image__Thread *thread) {
  const struct scheduling *s = &a->scheduling;
  Snapback__Image__ThreadAttributes *to = thread->attributes = NEW(ThreadAttributes, THREAD_ATTRIBUTES);
  to->policy = s->policy;
  to->priority = s->priority;
  to->scheduling_flags = s->flags;
  to->nice = s->nice;
  to->runtime_ns = s->runtime_ns;
  to->deadline_ns = s->deadline_ns;
  to->period_ns = s->period_ns;
  set_bytes(&to->affinity, a->affinity, a->affinity_size);
  to->io_priority = (uint32_t)(a->io_priority + 1);
  to->inheritable = a->credentials.inheritable;
  to->permitted = a->credentials.permitted;
  to->effective = a->credentials.effective;
  to->no_new_privs = a->credentials.no_new_privs;
  DESCRIBE_SETTINGS(to, a->setting, THREAD_SETTINGS)
}
