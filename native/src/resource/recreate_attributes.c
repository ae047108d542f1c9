// SPDX-License-Identifier: EPL-2.0
// The attributes of processes and threads, as an image tells them.
#include <string.h>

#include "resource/recreate.h"

static void take_settings(Snapback__Image__Setting **from, size_t count, struct setting *ret, size_t known) {
  for (size_t i = 0; i < count; i++)
    if (from[i]->number < known)
      ret[from[i]->number] = (struct setting){.value = from[i]->value, .is_known = true};
}

// Images of older versions tell the limits alone.
void recreate_process_attributes(const Snapback__Image__Process *from, struct process_attributes *ret) {
  const Snapback__Image__ProcessAttributes *a = from->attributes;
  *ret = (struct process_attributes){.is_known = a, .has_limits = from->n_limit == LIMITS};
  for (size_t i = 0; i < from->n_limit; i++)
    ret->limit[from->limit[i]->resource] = (struct rlimit){from->limit[i]->soft, from->limit[i]->hard};
  if (!a)
    return;
  ret->oom_score_adjustment = a->oom_score_adjustment;
  ret->core_filter = a->core_filter;
  take_settings(a->setting, a->n_setting, ret->setting, PROCESS_SETTINGS);
}

void recreate_thread_attributes(const Snapback__Image__ThreadAttributes *from, struct thread_attributes *ret) {
  *ret = (struct thread_attributes){.is_known = from, .io_priority = -1};
  if (!from)
    return;
  ret->scheduling = (struct scheduling){.policy = from->policy,
                                        .priority = from->priority,
                                        .flags = from->scheduling_flags,
                                        .nice = from->nice,
                                        .runtime_ns = from->runtime_ns,
                                        .deadline_ns = from->deadline_ns,
                                        .period_ns = from->period_ns};
  ret->affinity_size = from->affinity.len;
  if (from->affinity.len)
    memcpy(ret->affinity, from->affinity.data, from->affinity.len);
  ret->io_priority = (int)from->io_priority - 1;
  ret->credentials.inheritable = from->inheritable;
  ret->credentials.permitted = from->permitted;
  ret->credentials.effective = from->effective;
  ret->credentials.no_new_privs = from->no_new_privs;
  take_settings(from->setting, from->n_setting, ret->setting, THREAD_SETTINGS);
}
