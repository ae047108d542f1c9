// SPDX-License-Identifier: EPL-2.0
// What can be seen of held processes from outside: their mappings, descriptors and changed pages.
//
// Of several processes it is read by a thread of its own, one after the other, while the engine's thread, the only one
// that may drive them, makes calls in those that have been read: both together are the pause.
#pragma once

#include "engine/state.h"

struct outside;

struct seen {
  struct mappings maps;
  int memory;  // /proc/PID/mem, for whoever takes it; -1: it could not be opened
};

// `list`: processes that have their status and their place in the line of snapshots. It stays the caller's, who does
// nothing with one of them until it has been awaited.
struct outside *outside_begin(struct process_state *const *list, size_t count);
void outside_go_on(struct outside *o);  // the sockets of all are known now: descriptors may be looked at
// 0 or -1. What is seen stays ours.
int outside_await(struct outside *o, size_t index, struct seen **ret, struct error *e);
void outside_end(struct outside *o);  // also while something is still to be read
