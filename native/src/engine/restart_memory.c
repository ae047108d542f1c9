// SPDX-License-Identifier: EPL-2.0
// Restart: the pages of the program's private memory.
//
// Most memory is anonymous and still empty: the kernel is handed its pages whole, which is twice as fast as writing;
// where there are enough of them, in huge pages (restart_huge.c).
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
#include "engine/restart_huge.h"
#include "engine/restart_state.h"
#include "kernel/userfault.h"
#include "proc/memory.h"
#include "resource/space.h"

struct filling {
  pid_t pid;
  int memory;  // of the process
  int there;   // a userfaultfd of the process, in the process; -1: none
  int fault;   // the same one, here
  bool can_move;
  const struct mappings *then;
  bool *quick;               // by index in `then`: registered with `fault`
  struct huge_filling huge;  // by its ranges: filled aside
};

// ---- which mappings can be handed pages ----

static bool has_advice(const Snapback__Image__Mapping *m, uint32_t advice) {
  for (size_t i = 0; i < m->n_advice; i++)
    if (m->advice[i] == advice)
      return true;
  return false;
}

static bool all_pages_are_huge(void) {
  _cleanup_free_ char *text = NULL;
  return file_read("/sys/kernel/mm/transparent_hugepage/enabled", 256, &text, NULL) == 0 && strstr(text, "[always]");
}

static void open_userfault(struct restarting *w, struct filling *f) {
  f->there = (int)executor_call(w->main, NULL, SYS_userfaultfd, USERFAULT_FLAGS, 0, 0, 0, 0, 0);
  _cleanup_fd_ int pidfd = f->there < 0 ? f->there : kernel_pidfd_open(w->f.pid);
  _cleanup_fd_ int fd = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, f->there);
  if (fd >= 0 && userfault_set_up_filling(fd, &f->can_move) == 0)
    f->fault = fd_take(&fd);
}

// Pages that are handed over are small ones: a program that has asked for huge pages is to get them by writing.
static void register_mapping(struct restarting *w, struct filling *f, size_t i) {
  const Snapback__Image__Mapping *m = w->r->process->mapping[i];
  f->quick[i] = m->kind == SNAPBACK__IMAGE__MAPPING_KIND__MAPPING_KIND_ANONYMOUS && !has_advice(m, MADV_HUGEPAGE) &&
                userfault_register_missing(f->fault, m->start, m->end) == 0;
  size_t count;
  const struct image_extent *x = image_extents(w->r->image, w->r->process->space, &count);
  if (f->quick[i] && f->can_move && m->protection == (PROT_READ | PROT_WRITE) && !has_advice(m, MADV_NOHUGEPAGE))
    huge_filling_add(&f->huge, x, count, m);
}

static void register_mappings(struct restarting *w, struct filling *f) {
  const Snapback__Image__Process *p = w->r->process;
  f->quick = must_alloc((p->n_mapping + 1) * sizeof *f->quick);
  // The pages to be handed over would have to lie where a narrow process could have them, too: ours do not.
  if (!all_pages_are_huge() && !p->narrow)
    open_userfault(w, f);
  f->can_move = f->can_move && huge_pages_are_on_advice();
  for (size_t i = 0; f->fault >= 0 && i < p->n_mapping; i++)
    if (!w->r->twin || !w->r->kept[i])
      register_mapping(w, f, i);
  huge_filling_open(w, &f->huge);
}

// ---- filling ----

static int write_slowly(const struct filling *f, uint64_t at, const void *bytes, size_t size) {
  if (memory_write_new(f->pid, at, bytes, size) == 0)
    return 0;
  ssize_t n = pwrite(f->memory, bytes, size, (off_t)at);
  return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

static int write_small_pages(const void *data, uint64_t at, const void *bytes, size_t size) {
  const struct filling *f = data;
  const struct mapping *m = mappings_at(f->then, at);
  bool filled = m && f->quick[m - f->then->item] && userfault_fill(f->fault, at, bytes, size) == 0;
  return filled ? 0 : write_slowly(f, at, bytes, size);
}

// How much of [at, at + size) is treated alike.
static size_t stretch(const struct filling *f, uint64_t at, size_t size, const struct huge_range *range) {
  const struct mapping *m = mappings_at(f->then, at);
  uint64_t end = m && m->end - at < size ? m->end : at + size;
  uint64_t border = !range ? end : range->start <= at ? range->end : range->start;
  return (border < end ? border : end) - at;
}

static int write_pages(const void *data, uint64_t address, const void *bytes, size_t size) {
  const struct filling *f = data;
  int r = 0;
  for (size_t done = 0, n; r == 0 && done < size; done += n) {
    uint64_t at = address + done;
    const struct huge_range *range = huge_filling_search(&f->huge, at);
    const char *from = (const char *)bytes + done;
    n = stretch(f, at, size - done, range);
    r = range && range->start <= at ? write_slowly(f, f->huge.area + range->offset + (at - range->start), from, n)
                                    : write_small_pages(f, at, from, n);
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

static int close_filling(struct restarting *w, struct filling *f) {
  int r = huge_filling_close(w, &f->huge);
  free(f->quick);
  cleanup_fd(&f->fault);
  if (f->there >= 0 && r == 0)
    r = (int)executor_call(w->main, NULL, SYS_close, (uint64_t)f->there, 0, 0, 0, 0, 0);
  return r;
}

static int copy_space(struct restarting *w, const struct space_target *target, struct error *e) {
  if (!w->r->twin)
    return space_copy(w->r->image, w->r->process->space, target, e);
  size_t count;
  _cleanup_free_ struct image_extent *difference = restart_difference(w, &count, e);
  return difference ? space_copy_extents(w->r->image, difference, count, target, e) : -1;
}

int restart_fill(struct restarting *w, struct error *e) {
  _cleanup_fd_ int memory = memory_open(w->f.pid, O_RDWR);
  if (memory < 0)
    return error_set_errno(e, memory, "cannot open the memory of the new process");
  struct filling f = {.pid = w->f.pid, .memory = memory, .there = -1, .fault = -1, .then = &w->r->then};
  register_mappings(w, &f);
  int r = copy_space(w, &(struct space_target){.write = write_pages, .wants_zeroes = is_of_file, .data = &f}, e);
  int moved = r < 0 ? 0 : huge_filling_move(w, &f.huge, f.there, write_small_pages, &f);
  int closed = close_filling(w, &f);
  if (r == 0 && (moved < 0 || closed < 0))
    return error_set_errno(e, moved < 0 ? moved : closed, "cannot put back memory");
  return r;
}
