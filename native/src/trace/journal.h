// SPDX-License-Identifier: EPL-2.0
// What is to be given back to a program that is held, for whoever is left when its tracer has been killed.
//
// It lies in memory that the supervisor, the one that writes it, shares with the outer process, which reads it when the
// supervisor is dead. Without one all of this does nothing.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/arch/arch.h"
#include "trace/landing.h"

enum { JOURNAL_PROCESSES = 1024, JOURNAL_THREADS = 1024, JOURNAL_TEMPLATES = 8192 };  // what is beyond is not noted

// A process whose threads are held. It may come to a stop by the signals that drive it, unless it stood before.
struct journal_process {
  pid_t pid;
  bool was_stopped;
};

// A thread that makes calls for us, and what it is to go on with. It has what is here unless it stands in our area or
// at the landing: then its tracer was killed before it had changed anything, or when it had given all back.
struct journal_thread {
  pid_t pid, tid;
  struct registers registers;
  uint64_t mask, area, instruction;  // area 0: none of its own, or not yet
  uint64_t wanted;                   // where the area is to be
  struct landing landing;
};

// A template that is a child of the program's: it ends with its tracer, and is to be waited for by its parent.
struct journal_template {
  pid_t pid, parent;
};

struct journal {
  atomic_bool is_changing;  // a rewind is under way: the program is neither what it was nor what it is to be
  atomic_int cloning;       // a process that is being cloned, into a child that nobody knows yet; 0: none
  uint64_t cloning_since;   // in clock ticks since boot
  atomic_size_t processes, threads, templates;
  struct journal_process process[JOURNAL_PROCESSES];
  struct journal_thread thread[JOURNAL_THREADS];
  struct journal_template template[JOURNAL_TEMPLATES];
};

void journal_use(struct journal *j);
bool journal_is_kept(void);

void journal_hold_process(pid_t pid, bool was_stopped);
void journal_let_process_go(pid_t pid);
void journal_hold_thread(pid_t pid, pid_t tid);  // reads what it has now; we are its tracer
void journal_lend(pid_t tid, const struct landing *l);
void journal_want_area(pid_t tid, uint64_t area, uint64_t instruction);
void journal_set_area(pid_t tid, uint64_t area);
void journal_let_thread_go(pid_t tid);
void journal_begin_clone(pid_t parent);
void journal_end_clone(pid_t template, pid_t parent);  // template 0: there is none
void journal_drop_template(pid_t pid);
void journal_set_changing(bool is_changing);
