// SPDX-License-Identifier: EPL-2.0
// The breakpoint instructions that a debugger has inserted in the program.
//
// They belong to the debugger, not to the program: a rewind must neither bring back one that has been removed
// since, nor lose one that the debugger believes to be inserted now. They are found by comparing changed pages
// of mapped files with the files.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/state.h"
#include "proc/maps.h"
#include "proc/memory.h"
#include "proc/pagemap.h"

enum { CHUNK = 4096 };  // pages

struct list {
  struct breakpoint_byte *item;
  size_t count, capacity;
};

static void compare_page(struct list *l, uint64_t at, const unsigned char *memory, const unsigned char *file,
                         size_t size) {
  for (size_t i = 0; i + ARCH_BREAKPOINT <= size; i++) {
    if (memcmp(memory + i, arch_breakpoint, ARCH_BREAKPOINT) != 0 ||
        memcmp(file + i, arch_breakpoint, ARCH_BREAKPOINT) == 0)
      continue;
    array_reserve(l->item, l->count, l->capacity);
    l->item[l->count].address = at + i;
    memcpy(l->item[l->count++].original, file + i, ARCH_BREAKPOINT);
  }
}

static int look_at_page(struct list *l, const struct mapping *m, uint64_t at, int memory, int file) {
  unsigned char now[ARCH_PAGE], before[ARCH_PAGE];
  ssize_t n = pread(file, before, sizeof before, (off_t)(m->offset + (at - m->start)));
  if (n < 0 || pread(memory, now, sizeof now, (off_t)at) != sizeof now)
    return -errno;
  compare_page(l, at, now, before, (size_t)n);
  return 0;
}

static int open_file(const struct mapping *m) {
  int fd = open(m->name, O_RDONLY | O_CLOEXEC);
  struct stat at;
  if (fd < 0)
    return -errno;
  if (fstat(fd, &at) == 0 && at.st_ino == m->inode)
    return fd;
  (void)close(fd);
  return -ESTALE;
}

static int look_at_mapping(struct list *l, const struct mapping *m, int memory, int pagemap) {
  _cleanup_free_ uint64_t *words = must_alloc(CHUNK * sizeof *words);
  _cleanup_fd_ int file = -1;
  int r = 0;
  for (uint64_t at = m->start, end; r == 0 && at < m->end; at = end) {
    end = m->end - at > CHUNK * ARCH_PAGE ? at + CHUNK * ARCH_PAGE : m->end;
    r = pagemap_read(pagemap, at, end, words);
    for (uint64_t page = at, *word = words; r == 0 && page < end; page += ARCH_PAGE, word++) {
      if (!page_exists(*word) || (*word & PAGE_OF_FILE))
        continue;
      if (file < 0 && (file = open_file(m)) < 0)
        return 0;  // replaced on disk: nothing to compare with
      r = look_at_page(l, m, page, memory, file);
    }
  }
  return r;
}

int breakpoints_find(pid_t pid, struct breakpoint_byte **ret, size_t *ret_count, struct error *e) {
  struct list l = {0};
  struct mappings maps;
  int r = mappings_read(pid, &maps);
  if (r < 0)
    return error_set_errno(e, r, "cannot read the mappings of process %d", pid);
  _cleanup_fd_ int memory = memory_open(pid, O_RDONLY), pagemap = pagemap_open(pid);
  r = memory < 0 ? memory : pagemap < 0 ? pagemap : 0;
  for (size_t i = 0; r == 0 && i < maps.count; i++) {
    const struct mapping *m = &maps.item[i];
    if (!m->shared && (m->protection & PROT_EXEC) && m->inode && m->name[0] == '/')
      r = look_at_mapping(&l, m, memory, pagemap);
  }
  mappings_done(&maps);
  if (r < 0) {
    free(l.item);
    return error_set_errno(e, r, "cannot look for breakpoints in process %d", pid);
  }
  free(*ret);
  *ret = l.item;
  *ret_count = l.count;
  return 0;
}

static bool has(const struct breakpoint_byte *list, size_t count, uint64_t address) {
  for (size_t i = 0; i < count; i++)
    if (list[i].address == address)
      return true;
  return false;
}

int breakpoints_put_back(const struct process_state *s, const struct breakpoint_byte *now, size_t count,
                         struct error *e) {
  int r = 0;
  for (size_t i = 0; r == 0 && i < s->breakpoints; i++)
    if (!has(now, count, s->breakpoint[i].address))
      r = memory_write(s->pid, s->breakpoint[i].address, s->breakpoint[i].original, ARCH_BREAKPOINT);
  for (size_t i = 0; r == 0 && i < count; i++)
    if (!has(s->breakpoint, s->breakpoints, now[i].address))
      r = memory_write(s->pid, now[i].address, arch_breakpoint, ARCH_BREAKPOINT);
  return r < 0 ? error_set_errno(e, r, "cannot put the breakpoints of process %d back", s->pid) : 0;
}
