// SPDX-License-Identifier: EPL-2.0
// Restart: values of the environment, replaced where they stand on the program's stack.
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/restart_state.h"
#include "proc/memory.h"

enum { ENVIRONMENT_MAX = 8 * 1024 * 1024 };

// Where the value of `name` stands in the strings of the environment; NULL: it has no such variable.
static const char *find_value(const char *strings, size_t size, const char *name, size_t length) {
  for (const char *at = strings; at < strings + size; at += strlen(at) + 1)
    if (strncmp(at, name, length) == 0 && at[length] == '=')
      return at + length + 1;
  return NULL;
}

static int add_patch(struct restart *r, const char *strings, size_t size, const char *line, size_t length,
                     struct error *e) {
  const char *equals = memchr(line, '=', length);
  if (!equals || equals == line)
    return error_set(e, ERROR_REFUSED, "'%.*s' in the environment file is not of the form NAME=VALUE", (int)length,
                     line);
  size_t name = (size_t)(equals - line), value = length - name - 1;
  const char *old = find_value(strings, size, line, name);
  if (!old)  // another process of the program may have it
    return 0;
  size_t room = strlen(old);
  if (value > room)
    return error_set(e, ERROR_REFUSED,
                     "the new value of %.*s has %zu bytes, but its place in the program's memory has room for %zu: "
                     "choose a shorter one",
                     (int)name, line, value, room);
  array_reserve(r->patch, r->patches, r->patch_capacity);
  struct environment_patch *p = &r->patch[r->patches++];
  *p = (struct environment_patch){.line = line,
                                  .address = r->process->memory_fields->env_start + (uint64_t)(old - strings),
                                  .bytes = must_alloc(room + 1),
                                  .size = room};
  memcpy(p->bytes, equals + 1, value);
  return 0;
}

int restart_check_environment(struct restart *r, struct error *e) {
  const Snapback__Image__MemoryFields *fields = r->process->memory_fields;
  size_t size = fields->env_end - fields->env_start;
  if (!r->options.environment)
    return 0;
  if (fields->env_end < fields->env_start || size > ENVIRONMENT_MAX)
    return error_set(e, ERROR_REFUSED, "the program has put its environment elsewhere, so it cannot be changed");
  _cleanup_free_ char *strings = must_alloc(size + 1);
  if (image_read(r->image, r->process->space, fields->env_start, strings, size, NULL, e) < 0)
    return -1;
  for (const char *line = r->options.environment; *line;) {
    size_t length = strcspn(line, "\n");
    if (length && line[0] != '#' && add_patch(r, strings, size, line, length, e) < 0)
      return -1;
    line += length + (line[length] == '\n');
  }
  return 0;
}

static bool is_patched(const struct restart_tree *t, const char *line) {
  for (size_t i = 0; i < t->count; i++)
    for (size_t k = 0; k < t->item[i].patches; k++)
      if (t->item[i].patch[k].line == line)
        return true;
  return false;
}

int restart_check_environment_lines(const struct restart_tree *t, struct error *e) {
  const char *all = t->item[0].options.environment;
  for (const char *line = all ? all : ""; *line;) {
    size_t length = strcspn(line, "\n");
    if (length && line[0] != '#' && !is_patched(t, line))
      return error_set(e, ERROR_REFUSED,
                       "the program's environment has no %.*s, and no new variables can be added to it: take the line "
                       "out of the environment file",
                       (int)strcspn(line, "="), line);
    line += length + (line[length] == '\n');
  }
  return 0;
}

int restart_patch_environment(struct restarting *w, struct error *e) {
  for (size_t i = 0; i < w->r->patches; i++) {
    const struct environment_patch *p = &w->r->patch[i];
    int r = memory_write(w->f.pid, p->address, p->bytes, p->size);
    if (r < 0)
      return error_set_errno(e, r, "cannot change the environment of the new process");
  }
  return 0;
}
