// SPDX-License-Identifier: EPL-2.0
// /proc/PID/stat.
#include "proc/memory_fields.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

enum { FIRST_BEHIND_NAME = 3, LAST = 51 };

// By their number in proc(5).
static const struct {
  unsigned number;
  size_t offset;
} fields[] = {
    {26, offsetof(struct memory_fields, start_code)},  {27, offsetof(struct memory_fields, end_code)},
    {28, offsetof(struct memory_fields, start_stack)}, {45, offsetof(struct memory_fields, start_data)},
    {46, offsetof(struct memory_fields, end_data)},    {47, offsetof(struct memory_fields, start_brk)},
    {48, offsetof(struct memory_fields, arg_start)},   {49, offsetof(struct memory_fields, arg_end)},
    {50, offsetof(struct memory_fields, env_start)},   {51, offsetof(struct memory_fields, env_end)},
};

static void store(struct memory_fields *m, unsigned number, uint64_t value) {
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (fields[i].number == number)
      memcpy((char *)m + fields[i].offset, &value, sizeof value);
}

// The name, in brackets, may hold anything.
int memory_fields_parse(const char *text, struct memory_fields *ret) {
  *ret = (struct memory_fields){0};
  const char *at = strrchr(text, ')');
  if (!at)
    return -EBADMSG;
  at++;
  for (unsigned number = FIRST_BEHIND_NAME; number <= LAST; number++) {
    at += strspn(at, " ");
    size_t length = strcspn(at, " \n");
    if (!length)
      return -EBADMSG;
    store(ret, number, strtoull(at, NULL, 10));
    at += length;
  }
  return 0;
}

int memory_fields_read(pid_t pid, struct memory_fields *ret) {
  char path[64];
  _cleanup_free_ char *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int r = file_read(path, 65536, &text, NULL);
  return r < 0 ? r : memory_fields_parse(text, ret);
}
