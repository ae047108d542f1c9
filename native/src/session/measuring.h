// SPDX-License-Identifier: EPL-2.0
// How much memory templates hold for themselves: the kernel walks their page tables for it, so it is seldom asked.
#pragma once

#include "session/session.h"

// Measures templates anew, for a bounded time, others than the last time. The sum of all.
uint64_t session_measure(struct session *s);

// Measures those of a new snapshot and of the one before it a little later, and tells subscribers, if there are any.
void session_measure_soon(struct session *s, struct snapshot_entry *entry);
