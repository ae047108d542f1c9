// SPDX-License-Identifier: EPL-2.0
// Attributes of a process: its limits, its part in out-of-memory and core dumps, its settings.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "resource/settings.h"

// ---- limits ----

static void read_limits(pid_t pid, struct process_attributes *ret) {
  for (int i = 0; i < (int)LIMITS; i++)
    (void)prlimit(pid, (__rlimit_resource_t)i, NULL, &ret->limit[i]);
}

void process_limits_lift(pid_t pid) {
  for (int i = 0; i < (int)LIMITS; i++) {
    struct rlimit now;
    if (prlimit(pid, (__rlimit_resource_t)i, NULL, &now) < 0 || now.rlim_cur == now.rlim_max)
      continue;
    now.rlim_cur = now.rlim_max;
    (void)prlimit(pid, (__rlimit_resource_t)i, &now, NULL);
  }
}

// A limit that only root may raise stays where it is, and the soft one below it.
static int set_limit(pid_t pid, int resource, struct rlimit then) {
  struct rlimit now;
  if (prlimit(pid, (__rlimit_resource_t)resource, &then, NULL) == 0)
    return 0;
  if (errno != EPERM || prlimit(pid, (__rlimit_resource_t)resource, NULL, &now) < 0)
    return -errno;
  then.rlim_max = now.rlim_max;
  then.rlim_cur = then.rlim_cur < now.rlim_max ? then.rlim_cur : now.rlim_max;
  (void)prlimit(pid, (__rlimit_resource_t)resource, &then, NULL);
  return -EPERM;
}

static void set_limits(pid_t pid, const struct process_attributes *then, struct shortfalls *s) {
  for (int i = 0; i < (int)LIMITS; i++)
    if (set_limit(pid, i, then->limit[i]) < 0)
      shortfalls_add(s, "resource limits");
}

// ---- files of /proc ----

static long number_of(pid_t pid, const char *file, int base) {
  char path[64];
  _cleanup_free_ char *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  return file_read_record(path, 64, &text) < 0 ? 0 : strtol(text, NULL, base);
}

static void set_number(pid_t pid, const char *file, long now, long then, const char *name, struct shortfalls *s) {
  char path[64], text[32];
  if (now == then)
    return;
  (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  (void)snprintf(text, sizeof text, "%ld", then);
  if (file_write_text(path, text) < 0)
    shortfalls_add(s, name);
}

// ---- all ----

struct settings_reading process_settings_add_reading(struct batch *b) {
  return settings_add_reading(b, process_settings, PROCESS_SETTINGS);
}

void process_settings_take(const struct batch *b, const struct settings_reading *r, struct setting *ret) {
  settings_take(b, r, process_settings, PROCESS_SETTINGS, ret);
}

int process_attributes_read(pid_t pid, struct process_attributes *ret, struct error *e) {
  int r = fault(FAULT_capture_attributes);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the attributes of process %d", pid);
  read_limits(pid, ret);
  ret->oom_score_adjustment = (int)number_of(pid, "oom_score_adj", 10);
  ret->core_filter = (unsigned)number_of(pid, "coredump_filter", 16);
  ret->is_known = ret->has_limits = true;
  return 0;
}

static int set_settings(struct executor *x, const struct process_attributes *then, struct shortfalls *s,
                        struct error *e) {
  struct setting now[PROCESS_SETTINGS] = {0};
  struct batch *b = batch_new();
  settings_add(b, process_settings, PROCESS_SETTINGS, then->setting);
  struct settings_reading reading = settings_add_reading(b, process_settings, PROCESS_SETTINGS);
  int r = executor_run(x, b, e);
  if (r == 0)
    settings_take(b, &reading, process_settings, PROCESS_SETTINGS, now);
  batch_free(b);
  settings_compare(process_settings, PROCESS_SETTINGS, now, then->setting, s);
  return r;
}

int process_attributes_put_back(struct executor *x, const struct process_attributes *then, struct shortfalls *s,
                                struct error *e) {
  pid_t pid = executor_pid(x);
  int r = fault(FAULT_rewind_attributes);
  if (r < 0)
    return error_set_errno(e, r, "cannot put the attributes of process %d back", pid);
  if (then->has_limits)
    set_limits(pid, then, s);
  if (!then->is_known)
    return 0;
  set_number(pid, "oom_score_adj", number_of(pid, "oom_score_adj", 10), then->oom_score_adjustment, "OOM score", s);
  set_number(pid, "coredump_filter", number_of(pid, "coredump_filter", 16), (long)then->core_filter,
             "filter of core dumps", s);
  return set_settings(x, then, s, e);
}
