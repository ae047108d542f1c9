// SPDX-License-Identifier: EPL-2.0
// /proc/PID/smaps.
#include "proc/map_flags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

enum { SMAPS_MAX = 1024 * 1024 * 1024, SMAPS_RECORD = 512 };

// The letters of "VmFlags:", proc(5).
static const struct {
  char letters[3];
  int flag, advice;
} words[] = {
    {"gd", MAP_GROWSDOWN, 0},   {"nr", MAP_NORESERVE, 0},  {"lo", MAP_LOCKED, 0},      {"ht", MAP_HUGETLB, 0},
    {"sr", 0, MADV_SEQUENTIAL}, {"rr", 0, MADV_RANDOM},    {"dc", 0, MADV_DONTFORK},   {"dd", 0, MADV_DONTDUMP},
    {"hg", 0, MADV_HUGEPAGE},   {"mg", 0, MADV_MERGEABLE}, {"nh", 0, MADV_NOHUGEPAGE}, {"wf", 0, MADV_WIPEONFORK},
};

static void add_word(struct map_flags *m, const char *word) {
  m->may_write = m->may_write || strcmp(word, "mw") == 0;
  m->locked_on_fault = m->locked_on_fault || strcmp(word, "lf") == 0;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(word, words[i].letters) != 0)
      continue;
    m->flags |= words[i].flag;
    if (words[i].advice && m->advices < MAP_ADVICE_MAX)
      m->advice[m->advices++] = words[i].advice;
  }
}

static void add_words(struct map_flags *m, char *line) {
  for (char *rest = NULL, *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
    add_word(m, word);
}

int map_flags_parse(char *text, struct map_flags **ret, size_t *ret_count) {
  static const char key[] = "VmFlags:";
  struct map_flags *list = NULL;
  size_t count = 0, capacity = 0;
  for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    unsigned long start, end;
    if (strncmp(line, key, sizeof key - 1) == 0 && count) {
      add_words(&list[count - 1], line + sizeof key - 1);
    } else if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
      array_reserve(list, count, capacity);
      list[count++] = (struct map_flags){.start = start, .end = end};
    }
  }
  *ret = list;
  *ret_count = count;
  return 0;
}

int map_flags_read(pid_t pid, struct map_flags **ret, size_t *ret_count) {
  char path[64];
  _cleanup_free_ char *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/smaps", pid);
  int r = file_read_records(path, SMAPS_RECORD, SMAPS_MAX, &text);
  return r < 0 ? r : map_flags_parse(text, ret, ret_count);
}

const struct map_flags *map_flags_at(const struct map_flags *list, size_t count, uint64_t address) {
  const struct map_flags *found = NULL;
  for (size_t low = 0, high = count; low < high;) {
    size_t middle = (low + high) / 2;
    if (list[middle].start <= address) {
      found = &list[middle];
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return found;
}
