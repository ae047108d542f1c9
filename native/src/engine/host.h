// SPDX-License-Identifier: EPL-2.0
// A session without a process-number namespace of its own: its processes are among the host's, and no number that has
// been given up can be had again.
#pragma once

#include "engine/state.h"

struct tree;

// The processes of the session; those of the engine may be among them. 0 or -errno.
int session_processes(const struct engine *g, pid_t **ret, size_t *ret_count);

// Whether the process descends from no other one of the session. `parent`: as it is now, or was at a snapshot.
bool stands_alone(const struct engine *g, pid_t pid, pid_t parent);

// Whether a process that has been forked by one of the tree, and has left it since, may share pages with it.
bool host_has_strays(const struct engine *g, const struct tree *t);

// Pipes that processes outside of the session hold, too (a jobserver's, say), are to stay as they are in a rewind.
void host_leave_shared_pipes(struct process_state *s);

// Whether the process ends with its tracer, at once: in the middle of a rewind it is nothing that could go on.
void host_tie(const struct frozen *f, bool is_tied);

// An executor in the main thread, with its area at a place that is known before it is mapped.
int host_open(const struct frozen *f, struct executor **ret, struct error *e);

// Process group and terminal session as a session with namespaces of its own has them: one whose leader is none of the
// snapshot's processes is that of the first process, and of nobody (0).
pid_t host_group_inside(const struct process_state *s);
pid_t host_session_inside(const struct process_state *s);

// Makes the process, which is the parent of some of them, wait for ended templates.
int host_reap(pid_t pid, const struct ended *list, size_t count, struct error *e);

// Refuses by name what needs a number again that has been given up since.
int host_refuse_process(const struct process_state *s, struct error *e);
int host_refuse_zombie(pid_t pid, pid_t parent, struct error *e);
int host_check_threads(const struct frozen *f, const struct process_state *s, struct executor *main, struct error *e);
