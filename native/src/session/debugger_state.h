// SPDX-License-Identifier: EPL-2.0
// A debugger's session from the inside: gdb, its two channels, the order that it has been given, the rewind under way.
#pragma once

#include "engine/debugged.h"
#include "session/debugger.h"
#include "session/debugger_channel.h"
#include "session/session.h"

// A process that gdb debugs, and its number in gdb's own list ("info inferiors").
struct numbered {
  unsigned number;
  pid_t pid;
};

// What an entry of the list holds.
struct held {
  struct snapshot *inferior;
  struct numbered *numbered;  // at the snapshot
  size_t inferiors;
  struct snapshot *debugger;  // NULL: gdb itself was not taken
  pid_t reporter;             // the thread that stood where the user looked: a rewind's stop is reported for it
};

// A request that gdb has been asked to do. gdb names it by its number.
struct order {
  struct request *request;  // NULL: none, or given up
  unsigned number;
  bool begun;            // gdb has made the call: it is not busy
  struct error put_off;  // why gdb was told to come again later, the last time
  struct alarm *deadline, *again;
};

// A rewind from gdb's call to the end of its stop.
struct move {
  bool under_way;
  unsigned order;  // that asked for it; 0: gdb's user
  uint64_t snapshot;
  struct held *held;
  size_t rounds;  // in which gdb was told to do something before
  bool rescued;   // the process had to be given up half-way, and is built anew
  bool orphaned;  // the entry has been deleted meanwhile: `held` is ours to free
  struct rewind_report report;
  char *name;
  struct alarm *nudge;  // while gdb is to come to a stop
};

struct debugger {
  struct session *session;
  pid_t pid;  // gdb
  struct channel call, order_channel;
  int channel_numbers[2];  // of their other ends, in gdb
  struct watch *watch;
  bool greeted;
  enum session_state state;
  pid_t inferior;
  struct order order;
  struct move move;
};

// debugger_orders.c: what the supervisor wants of gdb.
void order_give(struct debugger *d, struct request *r);
void order_again(struct debugger *d, const struct error *why);  // soon: gdb has events to look at first, say
void order_cancel(struct debugger *d);
// The request of gdb's call: NULL when `number` is 0 (gdb's user asked). -1: it has been given up.
int order_begin(struct debugger *d, unsigned number, struct request **ret, struct error *e);
// Both end the order of that number, if it is still the present one. order_take gives the request, to be answered.
void order_failed(struct debugger *d, unsigned number, const struct error *e);
struct request *order_take(struct debugger *d, unsigned number);
void order_say(struct debugger *d, const char *text);  // to gdb's user

// debugger_calls.c: what gdb wants of the supervisor.
void debugger_hear(struct debugger *d, const struct fields *call);
// A snapshot by its number or name; numbers win. NULL: none.
struct snapshot_entry *debugger_find(struct debugger *d, const char *which);

// Both answer gdb in `answer`. debugger_moves.c: rewinds.
typedef int call_function(struct debugger *d, const struct fields *call, struct line *answer, struct error *e);
call_function call_rewind, call_killed, call_attached, call_stopped, call_failed;

// debugger_takes.c
call_function call_take;
// What gdb debugs now, as its call tells it from a field on; the caller frees the list.
size_t inferiors_of(const struct fields *call, unsigned at, struct numbered **ret);
bool debugger_traces(const struct debugger *d, pid_t pid);
int debugger_hold(struct debugger *d, const struct numbered *list, size_t count, struct debugged **ret,
                  struct error *e);
void held_free(struct held *h);
// An entry for a snapshot of the inferior. `reporter`: the thread at which the user looked.
struct snapshot_entry *held_entry(const char *name, struct snapshot *inferior, pid_t reporter);
void move_end(struct debugger *d);
// A debugger from an image still waits for the answer to the take of which the image was made: it is told to rewind.
int move_resume(struct debugger *d, const struct snapshot_entry *entry, struct error *e);
