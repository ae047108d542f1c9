// SPDX-License-Identifier: EPL-2.0
// A session as its two kinds see it: what a kind (a launched program, a debugger) must offer, and what it may use.
//
// A session is two processes of ours. The outer one (outer.c) stays with the caller: terminal, signals, exit status.
// The supervisor (supervisor.c) is the first process of the session's namespaces: one thread, one poll loop. All
// functions of a kind are called in the supervisor, from that loop, and must not block for long; take and rewind
// may be answered at any later time.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "engine/engine.h"
#include "session/images.h"
#include "session/loop.h"
#include "session/saving.h"

struct session;

// The numbers are those of SessionKind and SessionState in proto/control.proto.
enum session_kind_number { SESSION_PROGRAM = 1, SESSION_DEBUGGER = 2 };
enum session_state { SESSION_STARTING = 1, SESSION_RUNNING, SESSION_STOPPED, SESSION_EXITED, SESSION_IDLE };

// ---- the list of snapshots (snapshots.c) ----

// Where a program stood. The texts belong to whoever holds the struct; NULL: unknown.
struct place {
  char *function, *file, *reason;
  unsigned line;
  uint64_t pc;
};
void place_done(struct place *p);

// One snapshot of the list. The session owns it from session_add on; `held` is the kind's own (its `drop` frees it).
struct snapshot_entry {
  uint64_t id, parent, taken_ms, pause_us, memory;
  char *name;  // never NULL
  struct place place;
  unsigned threads;
  bool automatic, with_debugger;
  bool is_measured;  // `memory` is more than a first guess
  pid_t pids[8];
  unsigned pid_count;
  char *image;  // the file that it was last saved to; NULL: not saved
  uint64_t saved_bytes, saved_ms;
  bool saving;  // is being written now
  void *held;
};
enum { SESSION_PROCESSES = 2 };  // at most so many processes are in one snapshot

// ---- requests that are answered later ----

// A take or rewind that waits for its answer. The kind is given one at a time: the next comes when this one has been
// answered by exactly one of request_taken, request_rewound and request_failed, which also free it.
struct request {
  struct session *session;
  bool rewind;  // else: take
  // take
  char *name;
  bool automatic;
  struct save_order *save;  // it is to be saved, too; NULL: it is not
  uint64_t by_application;  // not 0: the program itself waits for it, with this ticket (engine/application.h)
  // rewind
  uint64_t snapshot;  // was in the list when the request came; look it up again when you do it
  bool with_debugger;
  // both
  unsigned wait_ms;  // how long to wait for a busy debugger
  struct request_origin *origin;
};

// Answers a take: `entry` joins the list (session_add), and all subscribers are told.
void request_taken(struct request *r, struct snapshot_entry *entry);
// Answers a rewind to `r->snapshot`, which is now the current snapshot; all subscribers are told.
void request_rewound(struct request *r, const struct rewind_report *report);
void request_failed(struct request *r, const struct error *e);

// ---- a kind of session ----

struct session_facts {
  enum session_state state;
  pid_t program;   // as the session sees it; 0: none
  pid_t debugger;  // the same; 0: none
};

struct session_kind {
  enum session_kind_number number;

  // Starts the session's first process (session_spawn) and whatever the kind needs. -1 and `e`: the session ends.
  int (*start)(struct session *s, struct error *e);

  void (*take)(struct session *s, struct request *r);
  void (*rewind)(struct session *s, struct request *r);
  // The client gave up on `r`, which has been handed to take or rewind and not been answered: answer it soon,
  // with ERROR_CANCELLED unless it is done by then.
  void (*cancel)(struct session *s, struct request *r);

  void (*facts)(struct session *s, struct session_facts *ret);

  // Something is to be known of a child: status as of waitpid (ended, stopped or continued). The engine's own
  // processes have been taken out before. True: this was the session's own program or debugger
  // and it has ended; the session ends with this status.
  bool (*child)(struct session *s, pid_t pid, int status);

  // Frees `entry->held`.
  void (*drop)(struct session *s, struct snapshot_entry *entry);
  // Whether `entry->held` has this snapshot of the engine's (its template was lost, the entry goes).
  bool (*holds)(const struct snapshot_entry *entry, const struct snapshot *snapshot);
  // The engine's snapshots of an entry, a debugger's before its inferior's, and the thread at which the user looked (0:
  // unknown). Returns how many.
  // `with_debugger`: the debugger's too, where the entry has it.
  unsigned (*snapshots)(const struct snapshot_entry *entry, bool with_debugger, struct snapshot *ret[SESSION_PROCESSES],
                        pid_t *ret_thread);
  // The descriptors by which the debugger of an image reaches the supervisor: calls, orders; -1: none.
  void (*channels)(struct session *s, int ret[2]);
  // Shows the debugger's user a line (may be NULL where no save is `by_debugger`).
  void (*say)(struct session *s, const char *text);
  // Bytes that the snapshot holds for itself alone, about.
  uint64_t (*memory)(struct session *s, struct snapshot_entry *entry);

  // The session ends: free what start made. Processes end with the supervisor.
  void (*close)(struct session *s);
};
extern const struct session_kind program_kind;   // program.c
extern const struct session_kind debugger_kind;  // debugger.c

// ---- what a kind may use, in the supervisor ----

struct engine *session_engine(struct session *s);
struct loop *session_loop(struct session *s);
const struct session_options *session_options(struct session *s);
void *session_data(struct session *s);  // the kind's own pointer
void session_set_data(struct session *s, void *data);

// Starts a process as the session's first: with the caller's terminal, environment, signal mask and dispositions, in a
// process group of its own that is in the foreground when the caller was, without any right that the caller does not
// have. `keep` names descriptors that it is to inherit besides the caller's, under the same numbers. Waits until
// exec has succeeded; else -1 and `e`.
int session_spawn(struct session *s, char *const argv[], const int *keep, unsigned keep_count, pid_t *ret_pid,
                  struct error *e);

// The process number of `pid` as the host sees it; 0: no such process.
pid_t session_host_pid(struct session *s, pid_t pid);

// The list. session_add gives the entry its id, parent and time, and tells all subscribers; the new one is current. An
// automatic one makes the oldest unnamed automatic ones go that are more than the cap allows.
struct snapshot_entry *snapshot_entry_new(const char *name);
void snapshot_entry_free(struct snapshot_entry *entry);            // one that was never added; `held` must be NULL
int session_check_room(const struct session *s, struct error *e);  // asked before a snapshot is taken
void session_add(struct session *s, struct snapshot_entry *entry);
unsigned session_count(struct session *s);
struct snapshot_entry *session_snapshot(struct session *s, unsigned index);     // in the order taken
struct snapshot_entry *session_find(struct session *s, uint64_t id);            // NULL: none
struct snapshot_entry *session_find_name(struct session *s, const char *name);  // the newest of that name
uint64_t session_current(struct session *s);
int session_delete(struct session *s, uint64_t id, struct error *e);
int session_rename(struct session *s, uint64_t id, const char *name, struct error *e);
// A rewind that was not asked for by a request (gdb's own command): sets the current one and tells all subscribers.
void session_rewound(struct session *s, uint64_t id, const struct rewind_report *report);
// The entry's place, memory… are known better now: tells all subscribers.
void session_updated(struct session *s, struct snapshot_entry *entry);
// The state or the program's number may have changed: tells all subscribers if so.
void session_state_changed(struct session *s);

// Snapshots at every stop: stored here for all, used by the debugger only.
struct auto_settings {
  bool enabled;
  unsigned cap;
};
struct auto_settings session_auto(struct session *s);
void session_set_auto(struct session *s, struct auto_settings settings);  // tells all subscribers
enum { AUTO_CAP_DEFAULT = 20, AUTO_CAP_MAX = 1000 };

// ---- starting a session, from the command line ----

struct session_options {
  const char *name;      // NULL: made from `base`
  const char *base;      // the program's base name
  const char *control;   // the socket's path; NULL: the usual one
  char *const *command;  // the program or debugger and its arguments, as the user gave them; ends with NULL
  struct auto_settings autos;
  struct image_settings images;
  bool rewinds_files;        // files that the program writes are rewound with it
  bool host_objects;         // System V objects and POSIX message queues are the host's
  pid_t follow;              // the session ends when this process does; 0: none
  pid_t attach;              // a process that runs already is taken under control (attached.h); 0: none
  bool on_host;              // the session has no namespaces of its own
  const void *kind_options;  // the kind's own
};

// Runs a session from its start to its end; called in the outer process. Returns the exit status to pass on, or does
// not return (the program was ended by a signal: so is this process). When the session could not be started:
// 127 (program not found), 126 (not executable), 2, with `e` filled.
int session_run(const struct session_kind *kind, const struct session_options *options, struct error *e);
