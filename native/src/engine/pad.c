// SPDX-License-Identifier: EPL-2.0
// The jump pad of a rewind under a debugger.
#include "engine/pad.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "proc/memory.h"
#include "trace/arch/pad.h"

static const struct thread_state *state_of(const struct process_state *s, pid_t tid) {
  for (size_t i = 0; i < s->threads; i++)
    if (s->thread[i].tid == tid)
      return &s->thread[i];
  return NULL;
}

static int by_number(const void *a, const void *b) {
  const struct thread_state *const *x = a, *const *y = b;
  return (*x)->tid - (*y)->tid;
}

static void list_missing(struct pad *p, const struct frozen *f, const struct process_state *s) {
  p->missing = must_alloc((s->threads + 1) * sizeof *p->missing);
  for (size_t i = 0; i < s->threads; i++)
    if (!frozen_holds(f, s->thread[i].tid))
      p->missing[p->missing_count++] = &s->thread[i];
  qsort(p->missing, p->missing_count, sizeof *p->missing, by_number);
}

static void forget(struct pad *p) {
  free(p->missing);
  *p = (struct pad){0};
}

void pads_forget(struct snapshot *whole) {
  for (size_t i = 0; i < whole->processes; i++)
    forget(&whole->process[i]->pad);
}

int pad_open(struct frozen *f, struct process_state *s, struct executor *main, pid_t reporter, struct error *e) {
  struct pad *p = &s->pad;
  forget(p);
  int64_t at = executor_call(main, e, executor_own_call(main, SYS_mmap), 0, PAD_SIZE,
                             PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
  if (at < 0 && at > -ARCH_PAGE)
    return error_set_errno(e, (int)at, "cannot map a page of code into process %d", s->pid);
  p->address = (uint64_t)at;
  p->is_users = reporter && state_of(s, reporter);
  p->reporter = reporter && frozen_holds(f, reporter) && state_of(s, reporter) ? reporter : s->pid;
  list_missing(p, f, s);
  return 0;
}

// So many threads have neighbouring numbers, from the next one on: the kernel gives such in one go.
static unsigned next_run(const struct pad *p) {
  unsigned n = 0;
  while (p->made + n < p->missing_count && n < PAD_CLONES &&
         p->missing[p->made + n]->tid == p->missing[p->made]->tid + (pid_t)n)
    n++;
  return n;
}

static int fill(struct pad *p, pid_t pid, unsigned *ret_steps, struct error *e) {
  unsigned char page[PAD_SIZE] = {0};
  const struct thread_state *t = p->reporter_state;
  unsigned clones = next_run(p);
  for (unsigned i = 0; i < clones; i++) {
    struct clone_args args = thread_clone_args(p->missing[p->made + i]);
    args.flags &= ~(uint64_t)CLONE_PTRACE;  // the debugger's own option traces it, and tells the debugger
    memcpy(page + PAD_ARGS + i * PAD_ARGS_SIZE, &args, sizeof args < PAD_ARGS_SIZE ? sizeof args : PAD_ARGS_SIZE);
  }
  *ret_steps = pad_fill(page, p->address, clones, &t->registers, p->made + clones == p->missing_count);
  p->under_way = clones;
  int r = memory_write(pid, p->address, page, sizeof page);
  return r < 0 ? error_set_errno(e, r, "cannot write to the memory of process %d", pid) : 0;
}

int pad_aim(struct frozen *f, struct process_state *s, struct error *e) {
  struct pad *p = &s->pad;
  p->reporter_state = state_of(s, p->reporter);
  if (fill(p, s->pid, &p->steps, e) < 0)
    return -1;
  for (size_t i = 0; i < f->count; i++) {
    const struct thread_state *t = state_of(s, f->tid[i]);
    if (!t)
      continue;
    struct thread_state aimed = *t;
    if (t->tid == p->reporter) {
      arch_set_pc(&aimed.registers, p->address);
      // A blocked trap would be forced, and damage the program's own mask and handler.
      aimed.mask = ~(1ULL << (SIGTRAP - 1));
    }
    if (thread_set(f->tracer, s->pid, &aimed, e) < 0)
      return -1;
  }
  if (!p->under_way)
    return 0;
  int r = kernel_set_last_pid(p->missing[p->made]->tid - 1);
  return r < 0 ? error_set_errno(e, r, "cannot ask for the thread number %d", p->missing[p->made]->tid) : 0;
}

int pad_next(struct frozen *f, struct process_state *s, struct rewind_report *report, struct error *e) {
  struct pad *p = &s->pad;
  for (unsigned i = 0; i < p->under_way; i++)
    if (!frozen_holds(f, p->missing[p->made + i]->tid))
      return error_set(e, ERROR_FAILED, "thread %d of process %d could not be made again under its old number",
                       p->missing[p->made + i]->tid, s->pid);
  p->made += p->under_way;
  report->threads_made += p->under_way;
  p->under_way = 0;
  return p->made < p->missing_count;
}

struct process_state *pad_turn(const struct snapshot *whole) {
  struct process_state *next = NULL;
  for (size_t i = 0; i < whole->processes; i++) {
    struct process_state *s = whole->process[i];
    if (s->pad.steps)
      return s;
    if (s->pad.address && (!next || next->pad.is_users))
      next = s;
  }
  return next;
}

bool pad_is_last(const struct snapshot *whole) {
  unsigned open = 0;
  for (size_t i = 0; i < whole->processes; i++)
    open += whole->process[i]->pad.address != 0;
  return open == 1;
}

static bool is_new(const struct pad *p, pid_t tid) {
  for (size_t i = 0; i < p->made; i++)
    if (p->missing[i]->tid == tid)
      return true;
  return false;
}

int pad_close(struct frozen *f, struct process_state *s, struct executor *main, struct error *e) {
  struct pad *p = &s->pad;
  int r = 0;
  for (size_t i = 0; r == 0 && i < f->count; i++) {
    struct executor *x;
    if (!is_new(p, f->tid[i]))
      continue;
    if (executor_open(f->tracer, s->pid, f->tid[i], main, &x, e) < 0)
      return -1;
    r = thread_set_inside(x, state_of(s, f->tid[i]), NULL, &s->engine->shortfalls, e);
    if (executor_close(x, e) < 0)
      r = -1;
  }
  int64_t unmapped = executor_call(main, e, SYS_munmap, p->address, PAD_SIZE, 0, 0, 0, 0);
  forget(p);
  return unmapped < 0 ? -1 : r;
}
