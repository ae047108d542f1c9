// SPDX-License-Identifier: EPL-2.0
// The timers of a process that send signals: interval timers (setitimer, alarm) and POSIX timers (timer_create).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "trace/executor.h"

enum { INTERVAL_TIMERS = 3 };  // by ITIMER_…

// What is left until a timer runs out (0: it does not run), and how long it takes from then on (0: once only).
struct timer_span {
  uint64_t value_ns, interval_ns;
};

struct posix_timer {
  int id, clock, notify;  // SIGEV_…
  int signal;
  pid_t thread;    // that is told, for SIGEV_THREAD_ID
  uint64_t value;  // that comes with the signal
  struct timer_span left;
};

struct timers {
  struct timer_span interval[INTERVAL_TIMERS];
  struct posix_timer *item;  // by id
  size_t count;
};

// Parses the text of /proc/PID/timers. 0 or -EBADMSG.
int timers_parse(const char *text, struct timers *ret);

// `x`: in the process.
int timers_read(struct executor *x, struct timers *ret, struct error *e);
int timers_list(pid_t pid, struct timers *ret, struct error *e);  // the POSIX ones, without the time left

// Calls that any thread is to make to read the interval timers; where they are found when they have been run.
struct interval_reading {
  size_t at[INTERVAL_TIMERS];
};
struct interval_reading interval_timers_add_reading(struct batch *b);
void interval_timers_take(struct batch *b, const struct interval_reading *r, struct timer_span *ret);
void timers_done(struct timers *t);
// None of them has run out from the one reading to the other.
bool timers_run(const struct timers *t);  // any can send a signal
bool timers_are_steady(const struct timers *before, const struct timers *after);

// Stops all, and deletes those that `then` does not have, or whose thread is none of `threads`.
int timers_stop(struct executor *x, const struct timers *then, const pid_t *threads, size_t count, struct error *e);
// Makes what is missing, under its old id, and starts all with the time that was left.
int timers_put_back(struct executor *x, const struct timers *then, struct error *e);
