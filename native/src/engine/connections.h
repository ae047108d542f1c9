// SPDX-License-Identifier: EPL-2.0
// The sockets of a snapshot on the way back: see resource/sockets.h for the steps.
#pragma once

#include "engine/state.h"

// `pids`: the processes that live now.
int connections_prepare(const struct snapshot *whole, const pid_t *pids, size_t count, struct error *e);
void connections_begin(const struct snapshot *whole);                     // the program is changed from here on
int connections_put_back(const struct snapshot *whole, struct error *e);  // once each process has its descriptors
void connections_let_go(const struct snapshot *whole);                    // before the program goes on
// Lets go of the program's sockets, and adds to the report what could not be put back.
void connections_rewound(const struct snapshot *whole, struct rewind_report *report);
