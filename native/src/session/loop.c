// SPDX-License-Identifier: EPL-2.0
// The supervisor's poll loop.
#include "session/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

// A freed watch or alarm stays in its list, dead, until the round is over: calls may free each other's.
struct watch {
  struct watch *next;
  int fd;
  short events;
  bool dead;
  void (*ready)(void *data, short revents);
  void *data;
};

struct alarm {
  struct alarm *next;
  uint64_t at_ms;
  bool dead;
  void (*due)(void *data);
  void *data;
};

struct loop {
  struct watch *watches;
  struct alarm *alarms;
  struct pollfd *polled;
  struct watch **of;  // the watch of each polled descriptor
  int capacity;
};

struct loop *loop_new(void) {
  return must_alloc(sizeof(struct loop));
}

void loop_free(struct loop *l) {
  if (!l)
    return;
  while (l->watches) {
    struct watch *w = l->watches;
    l->watches = w->next;
    free(w);
  }
  while (l->alarms) {
    struct alarm *a = l->alarms;
    l->alarms = a->next;
    free(a);
  }
  free(l->polled);
  free(l->of);
  free(l);
}

struct watch *loop_watch(struct loop *l, int fd, short events, void (*ready)(void *data, short revents), void *data) {
  struct watch *w = must_alloc(sizeof *w);
  *w = (struct watch){.next = l->watches, .fd = fd, .events = events, .ready = ready, .data = data};
  l->watches = w;
  return w;
}

void watch_events(struct watch *w, short events) { w->events = events; }

void watch_free(struct watch *w) {
  if (w)
    w->dead = true;
}

struct alarm *loop_alarm(struct loop *l, unsigned ms, void (*due)(void *data), void *data) {
  struct alarm *a = must_alloc(sizeof *a);
  *a = (struct alarm){.next = l->alarms, .at_ms = now_ms() + ms, .due = due, .data = data};
  l->alarms = a;
  return a;
}

void alarm_free(struct alarm *a) {
  if (a)
    a->dead = true;
}

static void sweep(struct loop *l) {
  for (struct watch **at = &l->watches; *at;) {
    struct watch *w = *at;
    if (!w->dead) {
      at = &w->next;
      continue;
    }
    *at = w->next;
    free(w);
  }
  for (struct alarm **at = &l->alarms; *at;) {
    struct alarm *a = *at;
    if (!a->dead) {
      at = &a->next;
      continue;
    }
    *at = a->next;
    free(a);
  }
}

static int fill(struct loop *l) {
  int n = 0;
  for (struct watch *w = l->watches; w; w = w->next) {
    if (n == l->capacity) {
      l->capacity = l->capacity ? l->capacity * 2 : 16;
      l->polled = must_realloc(l->polled, (size_t)l->capacity, sizeof *l->polled);
      l->of = must_realloc(l->of, (size_t)l->capacity, sizeof *l->of);
    }
    l->polled[n] = (struct pollfd){.fd = w->fd, .events = w->events};
    l->of[n++] = w;
  }
  return n;
}

static int timeout_ms(const struct loop *l) {
  uint64_t now = now_ms(), least = UINT64_MAX;
  for (const struct alarm *a = l->alarms; a; a = a->next)
    if (a->at_ms < least)
      least = a->at_ms;
  if (least == UINT64_MAX)
    return -1;
  if (least <= now)
    return 0;
  return least - now > 3600 * 1000 ? 3600 * 1000 : (int)(least - now);
}

static void run_alarms(struct loop *l) {
  uint64_t now = now_ms();
  for (struct alarm *a = l->alarms; a; a = a->next) {
    if (a->dead || a->at_ms > now)
      continue;
    a->dead = true;
    a->due(a->data);
  }
}

int loop_round(struct loop *l) {
  sweep(l);
  int n = fill(l);
  if (poll(l->polled, (nfds_t)n, timeout_ms(l)) < 0)
    return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < n; i++)
    if (l->polled[i].revents && !l->of[i]->dead)
      l->of[i]->ready(l->of[i]->data, l->polled[i].revents);
  run_alarms(l);
  return 0;
}
