// SPDX-License-Identifier: EPL-2.0
// Knowing which mappings are still those of the base snapshot.
//
// mremap(2) moves pages without copying them. A page that came from elsewhere may still be shared with the
// template, from its old address, and so look unchanged. A registration with a userfaultfd marks the anonymous
// mappings when a snapshot is taken; whatever has lost the mark since, or never had it, is compared.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "engine/state.h"
#include "kernel/userfault.h"
#include "proc/maps.h"

static bool is_markable(const struct mapping *m) {
  return !m->shared && !m->inode && m->start < arch_user_end && !mapping_is_special(m);
}

static int make_marker(struct executor *main, struct error *e) {
  int64_t there = executor_call(main, e, SYS_userfaultfd, USERFAULT_FLAGS, 0, 0, 0, 0, 0);
  if (there < 0)
    return (int)there;
  _cleanup_fd_ int pidfd = kernel_pidfd_open(executor_pid(main));
  int fd = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, (int)there);
  (void)executor_call(main, e, SYS_close, (uint64_t)there, 0, 0, 0, 0, 0);
  int r = fd < 0 ? fd : userfault_set_up(fd);
  if (r == 0)
    return fd;
  if (fd >= 0)
    (void)close(fd);
  return r;
}

static int mark_all(int marker, const struct mappings *maps) {
  int result = 0;
  for (size_t i = 0; i < maps->count; i++) {
    const struct mapping *m = &maps->item[i];
    int r = is_markable(m) ? userfault_register(marker, m->start, m->end) : 0;
    // The memory of a program that has replaced itself by exec is another one.
    if (r == -ESRCH || r == -ENOMEM)
      return -ESRCH;
    if (r < 0)
      result = r;
  }
  return result;
}

void tracking_mark(struct engine *g, struct executor *main, const struct mappings *maps, struct error *e) {
  struct line *l = lineage_line(g, executor_pid(main));
  if (l->marker < 0)
    l->marker = make_marker(main, e);
  if (l->marker >= 0 && mark_all(l->marker, maps) == -ESRCH) {
    tracking_forget(l);
    l->marker = make_marker(main, e);
    if (l->marker >= 0)
      (void)mark_all(l->marker, maps);
  }
}

void tracking_forget(struct line *l) {
  if (l->marker >= 0)
    (void)close(l->marker);
  l->marker = -1;
}

bool tracking_merges_pages(pid_t pid) {
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/ksm_stat", pid);
  _cleanup_free_ char *text = NULL;
  unsigned long pages = 0;
  const char *at = file_read_record(path, 4096, &text) == 0 ? strstr(text, "ksm_merging_pages ") : NULL;
  return at && sscanf(at, "ksm_merging_pages %lu", &pages) == 1 && pages;
}

bool tracking_is_moved(int pagemap, const struct mapping *m) {
  return !m->inode && userfault_is_registered(pagemap, m->start) <= 0;
}
