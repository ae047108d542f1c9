// SPDX-License-Identifier: EPL-2.0
// What is to be given back to a program that is held, for whoever is left when its tracer has been killed.
//
// The writer can be killed between any two instructions: an entry is written before it counts, and the last one takes
// the place of one that goes before it stops counting. So an entry may be there twice, and is never half one.
#include "trace/journal.h"

#include <sys/ptrace.h>
#include <time.h>
#include <unistd.h>

static struct journal *journal;

void journal_use(struct journal *j) { journal = j; }
bool journal_is_kept(void) { return journal != NULL; }

void journal_hold_process(pid_t pid, bool was_stopped) {
  if (!journal || journal->processes == JOURNAL_PROCESSES)
    return;
  journal->process[journal->processes] = (struct journal_process){.pid = pid, .was_stopped = was_stopped};
  journal->processes++;
}

void journal_let_process_go(pid_t pid) {
  for (size_t i = 0; journal && i < journal->processes; i++)
    if (journal->process[i].pid == pid) {
      journal->process[i] = journal->process[journal->processes - 1];
      journal->processes--;
      return;
    }
}

void journal_hold_thread(pid_t pid, pid_t tid) {
  if (!journal || journal->threads == JOURNAL_THREADS)
    return;
  struct journal_thread *t = &journal->thread[journal->threads];
  *t = (struct journal_thread){.pid = pid, .tid = tid};
  if (ptrace(PTRACE_GETREGS, tid, 0, &t->registers) == 0 && ptrace(PTRACE_GETSIGMASK, tid, 8, &t->mask) == 0)
    journal->threads++;
}

void journal_lend(pid_t tid, const struct landing *l) {
  for (size_t i = 0; journal && i < journal->threads; i++)
    if (journal->thread[i].tid == tid)
      journal->thread[i].landing = *l;
}

void journal_want_area(pid_t tid, uint64_t area, uint64_t instruction) {
  for (size_t i = 0; journal && i < journal->threads; i++)
    if (journal->thread[i].tid == tid) {
      journal->thread[i].instruction = instruction;
      atomic_thread_fence(memory_order_seq_cst);
      journal->thread[i].wanted = area;
    }
}

void journal_set_area(pid_t tid, uint64_t area) {
  for (size_t i = 0; journal && i < journal->threads; i++)
    if (journal->thread[i].tid == tid)
      journal->thread[i].area = area;
}

void journal_let_thread_go(pid_t tid) {
  for (size_t i = 0; journal && i < journal->threads; i++)
    if (journal->thread[i].tid == tid) {
      journal->thread[i] = journal->thread[journal->threads - 1];
      journal->threads--;
      return;
    }
}

void journal_begin_clone(pid_t parent) {
  struct timespec now;
  if (!journal)
    return;
  (void)clock_gettime(CLOCK_BOOTTIME, &now);
  const uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);
  journal->cloning_since = (uint64_t)now.tv_sec * per_second + (uint64_t)now.tv_nsec * per_second / 1000000000;
  journal->cloning = parent;
}

void journal_end_clone(pid_t template, pid_t parent) {
  if (!journal)
    return;
  if (template && journal->templates < JOURNAL_TEMPLATES) {
    journal->template[journal->templates] = (struct journal_template){.pid = template, .parent = parent};
    journal->templates++;
  }
  journal->cloning = 0;
}

void journal_drop_template(pid_t pid) {
  for (size_t i = 0; journal && i < journal->templates; i++)
    if (journal->template[i].pid == pid) {
      journal->template[i] = journal->template[journal->templates - 1];
      journal->templates--;
      return;
    }
}

void journal_set_changing(bool is_changing) {
  if (journal)
    journal->is_changing = is_changing;
}
