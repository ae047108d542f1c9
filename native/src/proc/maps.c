// SPDX-License-Identifier: EPL-2.0
// /proc/PID/maps.
#include "proc/maps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

enum { MAPS_MAX = 256 * 1024 * 1024 };

// "start-end rwxp offset major:minor inode   name"
static int parse_line(char *line, struct mapping *m) {
  unsigned long long start, end, offset, inode;
  unsigned device_major, device_minor;
  char rights[5];
  int at = 0;
  if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, rights, &offset, &device_major, &device_minor,
             &inode, &at) != 7 ||
      start >= end || strlen(rights) != 4)
    return -EBADMSG;
  *m = (struct mapping){
      .start = start,
      .end = end,
      .offset = offset,
      .device = makedev(device_major, device_minor),
      .inode = inode,
      .protection =
          (rights[0] == 'r' ? PROT_READ : 0) | (rights[1] == 'w' ? PROT_WRITE : 0) | (rights[2] == 'x' ? PROT_EXEC : 0),
      .shared = rights[3] == 's',
      .name = line + at,
  };
  return 0;
}

int mappings_parse(char *text, struct mappings *ret) {
  *ret = (struct mappings){.text = text};
  size_t capacity = 0;
  for (char *line = text; *line;) {
    char *end = strchr(line, '\n');
    if (end)
      *end = 0;
    array_reserve(ret->item, ret->count, capacity);
    int r = parse_line(line, &ret->item[ret->count]);
    if (r < 0 || (ret->count && ret->item[ret->count].start < ret->item[ret->count - 1].end)) {
      mappings_done(ret);
      return -EBADMSG;
    }
    ret->count++;
    if (!end)
      break;
    line = end + 1;
  }
  return 0;
}

int mappings_read(pid_t pid, struct mappings *ret) {
  char path[64], *text;
  (void)snprintf(path, sizeof path, "/proc/%d/maps", pid);
  *ret = (struct mappings){0};
  int r = file_read(path, MAPS_MAX, &text, NULL);
  return r < 0 ? r : mappings_parse(text, ret);
}

uint64_t mappings_pages(pid_t pid) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/statm", pid);
  _cleanup_free_ char *text = NULL;
  return file_read_record(path, 4096, &text) < 0 ? 0 : strtoull(text, NULL, 10);
}

void mappings_done(struct mappings *m) {
  free(m->item);
  free(m->text);
  *m = (struct mappings){0};
}

static void insert(struct mappings *m, size_t at, const struct mapping *item) {
  m->item = must_realloc(m->item, m->count + 1, sizeof *m->item);
  memmove(&m->item[at + 1], &m->item[at], (m->count - at) * sizeof *m->item);
  m->item[at] = *item;
  m->count++;
}

void mappings_cut(struct mappings *m, uint64_t start, uint64_t end) {
  for (size_t i = 0; i < m->count; i++) {
    struct mapping before = m->item[i], after = m->item[i];
    if (before.end <= start || before.start >= end)
      continue;
    before.end = start;
    after.start = end;
    after.offset += end > m->item[i].start ? end - m->item[i].start : 0;
    memmove(&m->item[i], &m->item[i + 1], (m->count - i - 1) * sizeof *m->item);
    m->count--;
    if (after.start < after.end)
      insert(m, i, &after);
    if (before.start < before.end)
      insert(m, i++, &before);
    i--;
  }
}

const struct mapping *mappings_at(const struct mappings *m, uint64_t address) {
  size_t low = 0, high = m->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (m->item[middle].end <= address)
      low = middle + 1;
    else
      high = middle;
  }
  return low < m->count && m->item[low].start <= address ? &m->item[low] : NULL;
}

bool mapping_is_special(const struct mapping *m) { return strncmp(m->name, "[v", 2) == 0; }
