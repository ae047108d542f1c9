// SPDX-License-Identifier: EPL-2.0
// /proc/PID/status and the lists of processes and threads.
#include "proc/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "proc/numbers.h"

enum { STATUS_MAX = 1024 * 1024 };

enum field_kind { FIELD_SET, FIELD_NUMBER, FIELD_OCTAL, FIELD_STATE, FIELD_NAME, FIELD_FOUR, FIELD_LIST };

static const struct field {
  const char *key;
  enum field_kind kind;
  size_t at;
} fields[] = {
#define AT(member) offsetof(struct process_status, member)
    {"Name:", FIELD_NAME, AT(name)},         {"Umask:", FIELD_OCTAL, AT(umask)},
    {"State:", FIELD_STATE, AT(state)},      {"Tgid:", FIELD_NUMBER, AT(tgid)},
    {"PPid:", FIELD_NUMBER, AT(parent)},     {"TracerPid:", FIELD_NUMBER, AT(tracer)},
    {"Threads:", FIELD_NUMBER, AT(threads)}, {"Seccomp:", FIELD_NUMBER, AT(seccomp)},
    {"SigPnd:", FIELD_SET, AT(pending)},     {"ShdPnd:", FIELD_SET, AT(shared_pending)},
    {"SigBlk:", FIELD_SET, AT(blocked)},     {"SigIgn:", FIELD_SET, AT(ignored)},
    {"SigCgt:", FIELD_SET, AT(caught)},      {"NoNewPrivs:", FIELD_NUMBER, AT(no_new_privs)},
    {"VmLck:", FIELD_NUMBER, AT(locked_kb)}, {"Uid:", FIELD_FOUR, AT(uid)},
    {"Gid:", FIELD_FOUR, AT(gid)},           {"Groups:", FIELD_LIST, AT(groups)},
    {"CapInh:", FIELD_SET, AT(inheritable)}, {"CapPrm:", FIELD_SET, AT(permitted)},
    {"CapEff:", FIELD_SET, AT(effective)},   {"CapBnd:", FIELD_SET, AT(bounding)},
    {"CapAmb:", FIELD_SET, AT(ambient)},
#undef AT
};

static void set_four(const char *value, uint32_t *ret) {
  char *at = (char *)value;
  for (int i = 0; i < 4; i++)
    ret[i] = (uint32_t)strtoul(at, &at, 10);
}

// FNV-1a: only ever compared with another one.
static uint64_t number_of_list(const char *value) {
  uint64_t number = 0xcbf29ce484222325;
  for (; *value && *value != '\n'; value++)
    number = (number ^ (unsigned char)*value) * 0x100000001b3;
  return number;
}

static void set_field(const struct field *f, const char *value, struct process_status *s) {
  void *at = (char *)s + f->at;
  switch (f->kind) {
  case FIELD_SET:
    *(uint64_t *)at = strtoull(value, NULL, 16);
    break;
  case FIELD_NUMBER:
    *(int *)at = (int)strtol(value, NULL, 10);
    break;
  case FIELD_OCTAL:
    *(mode_t *)at = (mode_t)strtoul(value, NULL, 8);
    break;
  case FIELD_STATE:
    *(char *)at = *value;
    break;
  case FIELD_NAME:
    (void)snprintf(at, sizeof s->name, "%.*s", (int)strcspn(value, "\n"), value);
    break;
  case FIELD_FOUR:
    set_four(value, at);
    break;
  case FIELD_LIST:
    *(uint64_t *)at = number_of_list(value);
    break;
  }
}

int status_parse(const char *text, struct process_status *ret) {
  *ret = (struct process_status){0};
  for (const char *line = text; line && *line;) {
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
      size_t n = *line == *fields[i].key ? strlen(fields[i].key) : 0;
      if (n && strncmp(line, fields[i].key, n) == 0)
        set_field(&fields[i], line + n + strspn(line + n, " \t"), ret);
    }
    line = strchr(line, '\n');
    line = line ? line + 1 : NULL;
  }
  return ret->state ? 0 : -EBADMSG;
}

static int read_path(const char *path, struct process_status *ret) {
  _cleanup_free_ char *text = NULL;
  int r = file_read_record(path, STATUS_MAX, &text);
  return r < 0 ? r : status_parse(text, ret);
}

int status_read(pid_t pid, struct process_status *ret) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/status", pid);
  return read_path(path, ret);
}

// The file of a main thread is that of its process, and that is found sooner.
int status_read_thread(pid_t pid, pid_t tid, struct process_status *ret) {
  char path[64];
  if (tid == pid)
    return status_read(pid, ret);
  (void)snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
  return read_path(path, ret);
}

// Field 22 of /proc/PID/stat; the name, which is the second, may hold anything.
int process_start_time(pid_t pid, uint64_t *ret) {
  enum { FIELD = 22 };
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
  _cleanup_free_ char *text = NULL;
  int r = file_read_record(path, STATUS_MAX, &text);
  const char *at = r < 0 ? NULL : strrchr(text, ')');
  for (int field = 2; at && field < FIELD; field++)
    at = strchr(at + 1, ' ');
  *ret = at ? strtoull(at + 1, NULL, 10) : 0;
  return r < 0 ? r : at ? 0 : -EBADMSG;
}

int process_list(pid_t **ret, size_t *ret_count) { return numbers_in("/proc", ret, ret_count); }

int thread_list(pid_t pid, pid_t **ret, size_t *ret_count) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/task", pid);
  return numbers_in(path, ret, ret_count);
}

static bool has_ended(pid_t pid) {
  struct process_status s;
  return status_read(pid, &s) < 0 || s.state == 'Z' || s.state == 'X';
}

// It is looked for twice: in between the last of the others may have taken the place of the main thread.
bool process_is_zombie(pid_t pid) {
  _cleanup_free_ pid_t *list = NULL;
  size_t count = 0;
  return has_ended(pid) && (thread_list(pid, &list, &count) < 0 || count <= 1) && has_ended(pid);
}

void process_name(pid_t pid, char *ret, size_t size) {
  struct process_status s;
  (void)snprintf(ret, size, "%s", status_read(pid, &s) == 0 ? s.name : "?");
}
