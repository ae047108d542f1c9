// SPDX-License-Identifier: EPL-2.0
// Restart: the pages of the program's private memory.
//
// Most memory is anonymous and still empty: the kernel is handed its pages whole, which is twice as fast as writing.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/restart_state.h"
#include "kernel/userfault.h"
#include "proc/memory.h"
#include "resource/space.h"

struct filling {
  int memory;  // of the process
  int fault;   // a userfaultfd of the process; -1: none
  const struct mappings *then;
  bool *quick;  // by index in `then`: registered with `fault`
};

// ---- which mappings can be handed pages ----

// Pages that are handed over are small ones: a program that has asked for huge pages is to get them by writing.
static bool wants_huge_pages(const Snapback__Image__Mapping *m) {
  for (size_t i = 0; i < m->n_advice; i++)
    if (m->advice[i] == MADV_HUGEPAGE)
      return true;
  return false;
}

static bool all_pages_are_huge(void) {
  _cleanup_free_ char *text = NULL;
  return file_read("/sys/kernel/mm/transparent_hugepage/enabled", 256, &text, NULL) == 0 && strstr(text, "[always]");
}

static int open_userfault(struct restarting *w) {
  int64_t there = executor_call(w->main, NULL, SYS_userfaultfd, USERFAULT_FLAGS, 0, 0, 0, 0, 0);
  if (there < 0)
    return (int)there;
  _cleanup_fd_ int pidfd = kernel_pidfd_open(w->f.pid);
  _cleanup_fd_ int fd = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, (int)there);
  (void)executor_call(w->main, NULL, SYS_close, (uint64_t)there, 0, 0, 0, 0, 0);
  int r = fd < 0 ? fd : userfault_set_up_filling(fd);
  return r < 0 ? r : fd_take(&fd);
}

static void register_mappings(struct restarting *w, struct filling *f) {
  const Snapback__Image__Process *p = w->r->process;
  f->quick = must_alloc((p->n_mapping + 1) * sizeof *f->quick);
  f->fault = all_pages_are_huge() ? -1 : open_userfault(w);
  for (size_t i = 0; f->fault >= 0 && i < p->n_mapping; i++) {
    const Snapback__Image__Mapping *m = p->mapping[i];
    f->quick[i] = m->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_ANONYMOUS && !wants_huge_pages(m) &&
                  userfault_register_missing(f->fault, m->start, m->end) == 0;
  }
}

// ---- filling ----

static int write_slowly(const struct filling *f, uint64_t at, const void *bytes, size_t size) {
  ssize_t n = pwrite(f->memory, bytes, size, (off_t)at);
  return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

static int write_pages(const void *data, uint64_t address, const void *bytes, size_t size) {
  const struct filling *f = data;
  int r = 0;
  for (size_t done = 0, n; r == 0 && done < size; done += n) {
    uint64_t at = address + done;
    const struct mapping *m = mappings_at(f->then, at);
    n = m && m->end - at < size - done ? m->end - at : size - done;
    const char *from = (const char *)bytes + done;
    bool filled = m && f->quick[m - f->then->item] && userfault_fill(f->fault, at, from, n) == 0;
    r = filled ? 0 : write_slowly(f, at, from, n);
  }
  return r;
}

// What is zero shows in a view of a file only.
static bool is_of_file(const void *data, uint64_t start, uint64_t end) {
  const struct filling *f = data;
  for (uint64_t at = start; at < end;) {
    const struct mapping *m = mappings_at(f->then, at);
    if (!m || m->inode)
      return m;
    at = m->end;
  }
  return false;
}

int restart_fill(struct restarting *w, struct error *e) {
  _cleanup_fd_ int memory = memory_open(w->f.pid, O_RDWR);
  if (memory < 0)
    return error_set_errno(e, memory, "cannot open the memory of the new process");
  struct filling f = {.memory = memory, .then = &w->r->then};
  register_mappings(w, &f);
  int r = space_copy(w->r->image, w->r->process->space,
                     &(struct space_target){.write = write_pages, .wants_zeroes = is_of_file, .data = &f}, e);
  free(f.quick);
  cleanup_fd(&f.fault);
  return r;
}
