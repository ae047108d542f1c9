// SPDX-License-Identifier: EPL-2.0
// What the engine offers to the supervisor: live snapshots of a program, and the way back.
//
// Everything here is synchronous and is called by one thread, the supervisor's, which is the first process
// of the session's process-number namespace, the reaper of its orphans and the ancestor of all that it traces.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct engine;
struct snapshot;  // one live snapshot: the state of the program, and the template that holds its memory

struct engine *engine_new(void);
void engine_free(struct engine *g);  // ends all templates

// From now on snapshots keep what is in the regular files that the program writes, and rewinds put it back.
void engine_rewind_files(struct engine *g);

// The session has no namespaces of its own: it is the process `root` of the host, and what descends from it (and, with
// a debugger, the program that that debugs). Numbers that have been given up cannot be had again.
void engine_use_host(struct engine *g, pid_t root);

// Ends all snapshots, and leaves nothing of the engine's in the program, which goes on alone.
void engine_release(struct engine *g);

// The session has an IPC namespace of its own: its System V objects are held by snapshots, and rewinds put them back.
void engine_hold_system_v(struct engine *g);

// Facts of a snapshot.
struct snapshot_facts {
  pid_t pid;
  unsigned threads;
  uint64_t pause_us;  // how long the program stood still
  uint64_t pc;        // of the main thread
  uint64_t copied;    // bytes of shared memory, which the snapshot has copies of
};
void snapshot_facts(const struct snapshot *s, struct snapshot_facts *ret);
uint64_t
snapshot_memory(const struct snapshot *s);  // bytes that its template holds for itself alone, about; walks page tables

// What a rewind did.
struct rewind_report {
  uint64_t duration_us, pages_copied, pages_dropped;
  unsigned threads_made, threads_ended, mappings_changed, descriptors_changed, processes_made, processes_ended;
  bool rebuilt;
  char note[512];  // one sentence for the user; empty: none
};

// ---- a program that nobody traces (snapback launch) ----

// Captures the process `pid`, which runs, and lets it run on. Refuses (ERROR_REFUSED) by name what cannot be
// captured, before anything is touched. On any failure the program runs on unharmed.
int engine_capture(struct engine *g, pid_t pid, struct snapshot **ret, struct error *e);

// Puts the process back in place. On failure the program goes on where it was, unless `report->note` says
// otherwise; the snapshot is kept.
int engine_rewind(struct engine *g, struct snapshot *s, struct rewind_report *report, struct error *e);

// Adds a sentence to the note about attributes that could not be put back (niceness, say), for want of rights.
void engine_tell_shortfalls(struct engine *g, struct rewind_report *report);

void snapshot_free(struct snapshot *s);

// Those that a debugger traced; at most `room` are given. How many there are.
size_t snapshot_inferiors(const struct snapshot *s, pid_t *ret, size_t room);

// The supervisor's reaper hands in each child that has ended (waitpid's pid and status). True: it was a
// template, and `*ret_lost` is the snapshot that is lost with it (NULL: one that was being freed).
bool engine_reaped(struct engine *g, pid_t pid, int status, struct snapshot **ret_lost);

// A stop that the reaper was told of. True: of a thread that the engine had lost patience with; it is let go now.
bool engine_let_go(pid_t tid, int status);

// True for the engine's own processes, which are not part of the session that a user sees.
bool engine_owns(const struct engine *g, pid_t pid);
