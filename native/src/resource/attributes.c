// SPDX-License-Identifier: EPL-2.0
// Attributes of a thread: reading them, and putting them back as far as the user may.
#include "resource/attributes.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "resource/settings.h"

enum { PROCESS = 1, NICE_ZERO = 20, RESET_ON_FORK = 1, DEADLINE = 6, IDLE = 5, FIFO = 1, ROUND_ROBIN = 2 };

void shortfalls_add(struct shortfalls *s, const char *name) {
  size_t used = strlen(s->text);
  if (!strstr(s->text, name) && used + strlen(name) + 3 < sizeof s->text)
    (void)snprintf(s->text + used, sizeof s->text - used, "%s%s", used ? ", " : "", name);
}

// ---- scheduling ----

// struct sched_attr, without what came later.
struct kernel_scheduling {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns, deadline_ns, period_ns;
};

static int read_scheduling(pid_t tid, struct scheduling *ret) {
  struct kernel_scheduling k = {0};
  if (syscall(SYS_sched_getattr, tid, &k, sizeof k, 0) < 0)
    return -errno;
  *ret = (struct scheduling){.policy = k.policy, .priority = k.priority, .flags = k.flags, .nice = k.nice};
  if (k.policy == DEADLINE) {
    ret->runtime_ns = k.runtime_ns;
    ret->deadline_ns = k.deadline_ns;
    ret->period_ns = k.period_ns;
  }
  return 0;
}

static int set_scheduling(pid_t tid, const struct scheduling *s) {
  struct kernel_scheduling k = {.size = sizeof k,
                                .policy = s->policy,
                                .flags = s->flags,
                                .nice = s->nice,
                                .priority = s->priority,
                                .runtime_ns = s->runtime_ns,
                                .deadline_ns = s->deadline_ns,
                                .period_ns = s->period_ns};
  if (syscall(SYS_sched_setattr, tid, &k, 0) < 0)
    return -errno;
  // An idle thread keeps its niceness for later, which sched_setattr(2) passes over.
  return s->policy == IDLE && setpriority(PRIO_PROCESS, (id_t)tid, s->nice) < 0 ? -errno : 0;
}

static bool is_scheduled_alike(const struct scheduling *a, const struct scheduling *b) {
  return a->policy == b->policy && a->priority == b->priority && a->flags == b->flags && a->nice == b->nice &&
         a->runtime_ns == b->runtime_ns && a->deadline_ns == b->deadline_ns && a->period_ns == b->period_ns;
}

// ---- credentials ----

void credentials_of(const struct process_status *status, struct credentials *ret) {
  memcpy(ret->uid, status->uid, sizeof ret->uid);
  memcpy(ret->gid, status->gid, sizeof ret->gid);
  ret->groups = status->groups;
  ret->inheritable = status->inheritable;
  ret->permitted = status->permitted;
  ret->effective = status->effective;
  ret->bounding = status->bounding;
  ret->ambient = status->ambient;
  ret->no_new_privs = status->no_new_privs;
  ret->is_filtered = status->seccomp;
}

// All but the effective capabilities, which can be taken again.
static bool are_rights_alike(const struct credentials *a, const struct credentials *b) {
  return memcmp(a->uid, b->uid, sizeof a->uid) == 0 && memcmp(a->gid, b->gid, sizeof a->gid) == 0 &&
         a->groups == b->groups && a->inheritable == b->inheritable && a->permitted == b->permitted &&
         a->bounding == b->bounding && a->ambient == b->ambient && a->no_new_privs == b->no_new_privs &&
         a->is_filtered == b->is_filtered;
}

static void add_capabilities(struct batch *b, const struct credentials *c) {
  const struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  for (int i = 0; i < 2; i++)
    data[i] = (struct __user_cap_data_struct){.effective = (uint32_t)(c->effective >> 32 * i),
                                              .permitted = (uint32_t)(c->permitted >> 32 * i),
                                              .inheritable = (uint32_t)(c->inheritable >> 32 * i)};
  size_t at = batch_data(b, &header, sizeof header), sets = batch_data(b, data, sizeof data);
  (void)CALL(b, SYS_capset, POINTER(at), POINTER(sets));
  if (c->no_new_privs)
    (void)CALL(b, SYS_prctl, NUMBER(PR_SET_NO_NEW_PRIVS), NUMBER(1));
}

// ---- reading ----

int thread_attributes_read(pid_t tid, struct thread_attributes *ret) {
  long size = syscall(SYS_sched_getaffinity, tid, sizeof ret->affinity, ret->affinity);
  long io = syscall(SYS_ioprio_get, PROCESS, tid);
  ret->affinity_size = size < 0 ? 0 : (size_t)size;
  ret->io_priority = io < 0 ? -1 : (int)io;
  ret->is_known = true;
  return read_scheduling(tid, &ret->scheduling);
}

struct settings_reading thread_settings_add_reading(struct batch *b) {
  return settings_add_reading(b, thread_settings, THREAD_SETTINGS);
}

void thread_settings_take(const struct batch *b, const struct settings_reading *r, struct setting *ret) {
  settings_take(b, r, thread_settings, THREAD_SETTINGS, ret);
}

// ---- putting back ----

void thread_settings_add(struct batch *b, const struct thread_attributes *then) {
  settings_add(b, thread_settings, THREAD_SETTINGS, then->setting);
  if (then->is_known)
    add_capabilities(b, &then->credentials);
}

void thread_settings_compare(const struct setting *now, const struct setting *then, struct shortfalls *s) {
  settings_compare(thread_settings, THREAD_SETTINGS, now, then, s);
}

static bool is_affine_alike(const struct thread_attributes *a, const struct thread_attributes *b) {
  return a->affinity_size == b->affinity_size && memcmp(a->affinity, b->affinity, a->affinity_size) == 0;
}

// The policy at least, where the niceness cannot be had.
static void put_scheduling_back(pid_t tid, const struct scheduling *now, const struct scheduling *then,
                                struct shortfalls *s) {
  struct scheduling nearest = *then;
  if (is_scheduled_alike(now, then) || set_scheduling(tid, then) == 0)
    return;
  nearest.nice = now->nice;
  shortfalls_add(s, set_scheduling(tid, &nearest) == 0 ? "niceness" : "scheduling policy");
}

void thread_attributes_put_back(pid_t tid, const struct thread_attributes *then, struct shortfalls *s) {
  struct thread_attributes now = {0};
  if (!then->is_known || thread_attributes_read(tid, &now) < 0)
    return;
  if (then->affinity_size && !is_affine_alike(&now, then) &&
      syscall(SYS_sched_setaffinity, tid, then->affinity_size, then->affinity) < 0)
    shortfalls_add(s, "processors to run on");
  put_scheduling_back(tid, &now.scheduling, &then->scheduling, s);
  if (then->io_priority >= 0 && now.io_priority != then->io_priority &&
      syscall(SYS_ioprio_set, PROCESS, tid, then->io_priority) < 0)
    shortfalls_add(s, "priority of input and output");
}

// ---- what cannot be given back ----

// Whether our rights are those of the whole machine's root. The number is the kernel's, of its first user namespace.
static bool may_all(void) {
  enum { FIRST_USER_NAMESPACE = 0xEFFFFFFD & 0x7fffffff };
  struct stat st;
  return geteuid() == 0 && stat("/proc/self/ns/user", &st) == 0 && (st.st_ino & 0x7fffffff) == FIRST_USER_NAMESPACE;
}

static bool is_real_time(const struct scheduling *s) {
  return s->policy == FIFO || s->policy == ROUND_ROBIN || s->policy == DEADLINE;
}

// Who is not root may raise a priority only up to his limits.
static bool is_schedule_lost(const struct scheduling *now, const struct scheduling *then,
                             const struct process_attributes *limits) {
  if (is_scheduled_alike(now, then))
    return false;
  bool raises = then->nice < now->nice || (now->policy == IDLE && then->policy != IDLE);
  if (raises && NICE_ZERO - then->nice > (int64_t)limits->limit[RLIMIT_NICE].rlim_cur)
    return true;
  if (is_real_time(then) && then->priority > limits->limit[RLIMIT_RTPRIO].rlim_cur)
    return true;
  return (now->flags & RESET_ON_FORK) && !(then->flags & RESET_ON_FORK);
}

bool thread_attributes_are_lost(const struct thread_attributes *now, const struct thread_attributes *then,
                                const struct process_attributes *limits) {
  if (!then->is_known || !now->is_known)
    return false;
  if (!are_rights_alike(&now->credentials, &then->credentials))
    return true;
  return !may_all() && is_schedule_lost(&now->scheduling, &then->scheduling, limits);
}

bool process_limits_are_lost(pid_t pid, const struct process_attributes *then) {
  for (int i = 0; then->has_limits && !may_all() && i < (int)LIMITS; i++) {
    struct rlimit now;
    if (prlimit(pid, (__rlimit_resource_t)i, NULL, &now) == 0 && now.rlim_max < then->limit[i].rlim_max)
      return true;
  }
  return false;
}
