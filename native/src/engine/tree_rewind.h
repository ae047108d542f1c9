// SPDX-License-Identifier: EPL-2.0
// A rewind of all processes of a session under way; shared by the files tree_*.c.
#pragma once

#include "engine/tree.h"

enum fate { KEPT, MADE };

// One process of the snapshot.
struct part {
  struct process_state *s;
  enum fate fate;
  struct inferior *traced;  // by a debugger, which holds it; NULL: it is ours
  struct frozen frozen;     // from the tree, or of the one that was made
  struct rewinding w;       // of one that is kept
  bool is_prepared, stays_stopped;
};

struct tree_rewinding {
  struct engine *engine;
  struct snapshot *whole;
  struct tree tree;
  struct part *part;           // as in the snapshot
  struct shared_files shared;  // open files of several of them
  bool is_changed;             // there is no way back
  bool comes_again;            // what a debugger holds is put back later
  bool keeps_sockets;          // another attempt follows
  struct inferior *inferior;   // what a debugger holds
  size_t inferiors;
  struct error *e;
  struct rewind_report *report;
};

struct part *part_of(const struct tree_rewinding *t, pid_t pid);  // NULL: there is none
bool is_first(const struct tree_rewinding *t, const struct process_state *s);
bool is_debugged(const struct tree_rewinding *t);  // the program of a debugger, not the debugger itself
// It has no parent among them of which it could be a copy, and is no orphan: the program, or another one of a debugger.
bool is_root(const struct tree_rewinding *t, const struct process_state *s);
bool is_copy_of(const struct process_state *s, const struct process_state *parent);
// One that may fork an orphan: in its session, and with none above it that would take the orphan to itself.
struct part *foster_of(const struct tree_rewinding *t, const struct process_state *s);

// tree_plan.c: what becomes of whom; refuses by name what cannot be made again.
int decide(struct tree_rewinding *t);
bool has_to_wait(const struct tree_rewinding *t);      // for the debugger to end some of what it holds
bool lacks_inferiors(const struct tree_rewinding *t);  // that the debugger traced then, and does not now
int check_zombies(const struct tree_rewinding *t);     // among the host's processes none can be made again
bool stays_zombie(const struct tree_rewinding *t, const struct member *m);

// tree_make.c: a process that is not there any more, as a copy of one that is; not yet put back.
int make_copy_of(struct tree_rewinding *t, struct part *p);
int open_parent(struct tree_rewinding *t, pid_t pid, struct executor **ret);
int close_parent(struct tree_rewinding *t, struct executor *x);
