// SPDX-License-Identifier: EPL-2.0
// A program that takes part in its own snapshots through libsnapback: its words are looked up while it is held, and
// its call that takes a snapshot is answered differently in the process, in the snapshot, and in an image of it.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "proto/image.pb-c.h"

struct engine;
struct process_state;

// What the engine knows of the program's words; a snapshot keeps a copy, for another past may have them elsewhere.
struct application {
  pid_t pid;            // 0: no words
  uint64_t words;       // their address
  uint64_t asks;        // the ticket of the request for which the next capture is made; 0: not the program's
  uint32_t at_restart;  // of a snapshot: what a restart answers; 0: nothing
};

// The program has announced its words.
void engine_application_announce(struct engine *g, pid_t pid, uint64_t words);

// The captures from now on are made because the program itself has asked for them, and waits with this ticket; 0: they
// are not.
void engine_application_asks(struct engine *g, uint64_t ticket);

// ERROR_BUSY while the program has disabled snapshots; it runs, so that this may be otherwise at once. A capture of it
// fails so too.
int engine_application_allows(const struct engine *g, pid_t pid, struct error *e);

// Tells the program, if it still waits with that ticket, that it cannot have the snapshot.
void engine_application_refuse(const struct engine *g, uint64_t ticket, const struct error *e);

// ---- for the engine, the process being held ----

int application_check(const struct process_state *s, struct error *e);
int application_answer(struct process_state *s, struct error *e);  // the snapshot is whole
void application_rewound(const struct process_state *s);           // the process is again what it was then

// What an image keeps of it, and the way back.
void application_describe(const struct process_state *s, Snapback__Image__Process *p);
int application_restarted(struct engine *g, pid_t pid, const Snapback__Image__Process *p, struct error *e);
