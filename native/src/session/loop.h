// SPDX-License-Identifier: EPL-2.0
// The supervisor's poll loop: descriptors and deadlines, each with the function that is called for it.
//
// A watch or alarm may be freed at any time, also from within its own call and from another's.
#pragma once

#include <stdbool.h>

struct loop;
struct watch;
struct alarm;

struct loop *loop_new(void);
void loop_free(struct loop *l);

// Calls `ready` when `fd` has one of `events` (POLLIN…), or POLLHUP or POLLERR. The descriptor stays the caller's.
struct watch *loop_watch(struct loop *l, int fd, short events, void (*ready)(void *data, short revents), void *data);
void watch_events(struct watch *w, short events);
void watch_free(struct watch *w);  // NULL is fine

// Calls `due` once, after `ms` milliseconds; the alarm is freed then.
struct alarm *loop_alarm(struct loop *l, unsigned ms, void (*due)(void *data), void *data);
void alarm_free(struct alarm *a);  // NULL is fine; not after it was due

// Waits for one round of events and makes the calls. 0 or -errno.
int loop_round(struct loop *l);
