// SPDX-License-Identifier: EPL-2.0
// What the kernel keeps of a process and of each thread beside its memory, files and signals: how it is scheduled, what
// it may, what it is limited to, and the settings of prctl(2).
//
// Some is read and set from outside, some only by the thread itself, so that calls are injected for it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/error.h"
#include "proc/status.h"
#include "trace/executor.h"

enum { AFFINITY_MAX = 1024, LIMITS = RLIM_NLIMITS };

// Settings of a thread that it tells and sets itself.
enum thread_setting {
  TIMER_SLACK,
  PARENT_DEATH_SIGNAL,
  TIME_STAMP_COUNTER,
  MACHINE_CHECK,
  PERSONALITY,
  SECURE_BITS,
  KEEP_CAPABILITIES,
  THREAD_SETTINGS,
};

// Settings of a process that any thread of it tells and sets.
enum process_setting { HUGE_PAGES_OFF, MERGES_MEMORY, DUMPABLE, PROCESS_SETTINGS };

struct setting {
  uint64_t value;
  bool is_known;  // this kernel has it
};

// Numbers are those of sched_setattr(2).
struct scheduling {
  uint32_t policy, priority;
  uint64_t flags;
  int32_t nice;
  uint64_t runtime_ns, deadline_ns, period_ns;  // SCHED_DEADLINE
};

// What a thread may. Most of it can only be given up.
struct credentials {
  uint32_t uid[4], gid[4];
  uint64_t groups;
  uint64_t inheritable, permitted, effective, bounding, ambient;
  bool no_new_privs, is_filtered;  // by seccomp
};

struct thread_attributes {
  bool is_known;  // an image of an older version does not tell
  struct scheduling scheduling;
  unsigned char affinity[AFFINITY_MAX];  // a bit for each processor
  size_t affinity_size;                  // 0: unknown
  int io_priority;                       // as ioprio_get(2) gives it; -1: unknown
  struct credentials credentials;
  struct setting setting[THREAD_SETTINGS];
};

struct process_attributes {
  bool is_known, has_limits;
  struct rlimit limit[LIMITS];
  int oom_score_adjustment;
  unsigned core_filter;
  struct setting setting[PROCESS_SETTINGS];
};

// Names of what could not be put back, each once, for a sentence.
struct shortfalls {
  char text[256];
};
void shortfalls_add(struct shortfalls *s, const char *name);

// ---- threads ----

int thread_attributes_read(pid_t tid, struct thread_attributes *ret);  // what can be seen from outside; 0 or -errno
void credentials_of(const struct process_status *status, struct credentials *ret);

// Calls that the thread is to make: to read its settings; where they are found when they have been run.
struct settings_reading {
  unsigned first;
  size_t stored;
};
struct settings_reading thread_settings_add_reading(struct batch *b);
void thread_settings_take(const struct batch *b, const struct settings_reading *r, struct setting *ret);
// The same to set them, and its capabilities.
void thread_settings_add(struct batch *b, const struct thread_attributes *then);
void thread_settings_compare(const struct setting *now, const struct setting *then, struct shortfalls *s);

void thread_attributes_put_back(pid_t tid, const struct thread_attributes *then, struct shortfalls *s);

// Whether a thread that has `now` cannot be given back what it had, and only a copy of what it was has it.
bool thread_attributes_are_lost(const struct thread_attributes *now, const struct thread_attributes *then,
                                const struct process_attributes *limits);

// ---- processes ----

int process_attributes_read(pid_t pid, struct process_attributes *ret, struct error *e);  // but for its settings
struct settings_reading process_settings_add_reading(struct batch *b);
void process_settings_take(const struct batch *b, const struct settings_reading *r, struct setting *ret);
bool process_limits_are_lost(pid_t pid, const struct process_attributes *then);

// While a process is put together, no limit of its own is to be in the way.
void process_limits_lift(pid_t pid);
int process_attributes_put_back(struct executor *x, const struct process_attributes *then, struct shortfalls *s,
                                struct error *e);
