// SPDX-License-Identifier: EPL-2.0
// Reading the timers of a process that send signals.
#include "resource/timers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"

enum { TIMERS_MAX = 16 * 1024 * 1024, SECOND_NS = 1000000000, AT_ONCE = 200 };

// ---- /proc/PID/timers ----

// "notify: signal/tid.4711"
static int parse_notify(const char *line, struct posix_timer *t) {
  static const struct {
    const char *word;
    int notify;
  } words[] = {{"signal", SIGEV_SIGNAL}, {"none", SIGEV_NONE}, {"thread", SIGEV_THREAD}};
  char word[16], target[8];
  int number;
  if (sscanf(line, "notify: %15[a-z]/%7[a-z].%d", word, target, &number) != 3)
    return -EBADMSG;
  bool to_thread = strcmp(target, "tid") == 0;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(word, words[i].word) == 0) {
      t->notify = words[i].notify | (to_thread ? SIGEV_THREAD_ID : 0);
      t->thread = to_thread ? number : 0;
      return 0;
    }
  return -EBADMSG;
}

static int parse_line(const char *line, struct timers *ret, size_t *capacity) {
  int id;
  unsigned long long value;
  if (sscanf(line, "ID: %d", &id) == 1) {
    array_reserve(ret->item, ret->count, *capacity);
    ret->item[ret->count++] = (struct posix_timer){.id = id};
    return 0;
  }
  if (!ret->count)
    return -EBADMSG;
  struct posix_timer *t = &ret->item[ret->count - 1];
  if (strncmp(line, "notify:", 7) == 0)
    return parse_notify(line, t);
  if (sscanf(line, "signal: %d/%llx", &t->signal, &value) == 2)
    t->value = value;
  else
    (void)sscanf(line, "ClockID: %d", &t->clock);
  return 0;
}

static int by_id(const void *a, const void *b) {
  const struct posix_timer *x = a, *y = b;
  return x->id < y->id ? -1 : x->id > y->id;
}

int timers_parse(const char *text, struct timers *ret) {
  size_t capacity = 0;
  *ret = (struct timers){0};
  for (const char *line = text; line && *line;) {
    if (parse_line(line, ret, &capacity) < 0) {
      timers_done(ret);
      return -EBADMSG;
    }
    line = strchr(line, '\n');
    line = line ? line + 1 : NULL;
  }
  if (ret->count)
    qsort(ret->item, ret->count, sizeof *ret->item, by_id);
  return 0;
}

// ---- in the process ----

static uint64_t ns_of(const struct timespec *t) { return (uint64_t)t->tv_sec * SECOND_NS + (uint64_t)t->tv_nsec; }
static uint64_t ns_of_us(const struct timeval *t) {
  return (uint64_t)t->tv_sec * SECOND_NS + (uint64_t)t->tv_usec * 1000;
}

struct interval_reading interval_timers_add_reading(struct batch *b) {
  struct interval_reading r;
  for (int i = 0; i < INTERVAL_TIMERS; i++) {
    r.at[i] = batch_data(b, NULL, sizeof(struct itimerval));
    (void)CALL(b, SYS_getitimer, NUMBER(i), POINTER(r.at[i]));
  }
  return r;
}

void interval_timers_take(struct batch *b, const struct interval_reading *r, struct timer_span *ret) {
  for (int i = 0; i < INTERVAL_TIMERS; i++) {
    struct itimerval t;
    memcpy(&t, batch_at(b, r->at[i]), sizeof t);
    ret[i] = (struct timer_span){ns_of_us(&t.it_value), ns_of_us(&t.it_interval)};
  }
}

static int read_interval_timers(struct executor *x, struct timers *ret, struct error *e) {
  struct batch *b = batch_new();
  struct interval_reading reading = interval_timers_add_reading(b);
  int r = executor_run(x, b, e);
  if (r == 0)
    interval_timers_take(b, &reading, ret->interval);
  batch_free(b);
  return r;
}

static int read_spans(struct executor *x, struct posix_timer *item, size_t count, struct error *e) {
  struct batch *b = batch_new();
  size_t at[AT_ONCE];
  for (size_t i = 0; i < count; i++) {
    at[i] = batch_data(b, NULL, sizeof(struct itimerspec));
    (void)CALL(b, SYS_timer_gettime, NUMBER(item[i].id), POINTER(at[i]));
  }
  int r = executor_run(x, b, e);
  for (size_t i = 0; r == 0 && i < count; i++) {
    struct itimerspec t;
    memcpy(&t, batch_at(b, at[i]), sizeof t);
    item[i].left = (struct timer_span){ns_of(&t.it_value), ns_of(&t.it_interval)};
  }
  batch_free(b);
  return r;
}

int timers_list(pid_t pid, struct timers *ret, struct error *e) {
  char path[64];
  _cleanup_free_ char *text = NULL;
  (void)snprintf(path, sizeof path, "/proc/%d/timers", pid);
  *ret = (struct timers){0};
  // A kernel without that file has no POSIX timers to be restored either.
  int r = file_read(path, TIMERS_MAX, &text, NULL) < 0 ? 0 : timers_parse(text, ret);
  return r < 0 ? error_set_errno(e, r, "cannot understand %s", path) : 0;
}

int timers_read(struct executor *x, struct timers *ret, struct error *e) {
  int r = timers_list(executor_pid(x), ret, e) < 0 ? -1 : read_interval_timers(x, ret, e);
  for (size_t i = 0; r == 0 && i < ret->count; i += AT_ONCE)
    r = read_spans(x, ret->item + i, ret->count - i < AT_ONCE ? ret->count - i : AT_ONCE, e);
  if (r < 0)
    timers_done(ret);
  return r;
}

void timers_done(struct timers *t) {
  free(t->item);
  *t = (struct timers){0};
}

bool timers_run(const struct timers *t) {
  bool run = t->count > 0;
  for (int i = 0; i < INTERVAL_TIMERS; i++)
    run = run || t->interval[i].value_ns;
  return run;
}

static bool is_steady(const struct timer_span *before, const struct timer_span *after) {
  return before->value_ns == 0 ? after->value_ns == 0 : after->value_ns && after->value_ns <= before->value_ns;
}

bool timers_are_steady(const struct timers *before, const struct timers *after) {
  bool steady = before->count == after->count;
  for (int i = 0; i < INTERVAL_TIMERS; i++)
    steady = steady && is_steady(&before->interval[i], &after->interval[i]);
  for (size_t i = 0; steady && i < before->count; i++)
    steady = is_steady(&before->item[i].left, &after->item[i].left);
  return steady;
}

// ---- putting back ----

#define SET_IDS 77  // PR_TIMER_CREATE_RESTORE_IDS, from Linux 6.15 on

static struct itimerspec spec_of(const struct timer_span *s) {
  return (struct itimerspec){
      .it_value = {(time_t)(s->value_ns / SECOND_NS), (long)(s->value_ns % SECOND_NS)},
      .it_interval = {(time_t)(s->interval_ns / SECOND_NS), (long)(s->interval_ns % SECOND_NS)},
  };
}

static void add_interval_timers(struct batch *b, const struct timer_span *spans) {
  for (int i = 0; i < INTERVAL_TIMERS; i++) {
    struct itimerspec s = spec_of(&spans[i]);
    struct itimerval t = {.it_value = {s.it_value.tv_sec, s.it_value.tv_nsec / 1000},
                          .it_interval = {s.it_interval.tv_sec, s.it_interval.tv_nsec / 1000}};
    size_t at = batch_data(b, &t, sizeof t);
    (void)CALL(b, SYS_setitimer, NUMBER(i), POINTER(at), NUMBER(0));
  }
}

static void add_set(struct batch *b, int id, const struct timer_span *span) {
  struct itimerspec t = spec_of(span);
  size_t at = batch_data(b, &t, sizeof t);
  (void)CALL(b, SYS_timer_settime, NUMBER(id), NUMBER(0), POINTER(at), NUMBER(0));
}

static const struct posix_timer *find(const struct timers *all, int id) {
  if (!all->count)
    return NULL;
  const struct posix_timer key = {.id = id};
  return bsearch(&key, all->item, all->count, sizeof key, by_id);
}

static bool is_same(const struct posix_timer *a, const struct posix_timer *b) {
  return a->clock == b->clock && a->notify == b->notify && a->signal == b->signal && a->thread == b->thread &&
         a->value == b->value;
}

static bool is_among(pid_t thread, const pid_t *threads, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (threads[i] == thread)
      return true;
  return false;
}

// Runs the batch when it is full, or at the end.
static int run_when_full(struct executor *x, struct batch *b, bool is_last, struct error *e) {
  if (!is_last && batch_has_room(b, INTERVAL_TIMERS + 1, 256))
    return 0;
  int r = executor_run(x, b, e);
  batch_clear(b);
  return r;
}

int timers_stop(struct executor *x, const struct timers *then, const pid_t *threads, size_t count, struct error *e) {
  static const struct timer_span off[INTERVAL_TIMERS];
  struct timers now;
  if (timers_list(executor_pid(x), &now, e) < 0)
    return -1;
  struct batch *b = batch_new();
  int r = 0;
  add_interval_timers(b, off);
  for (size_t i = 0; r == 0 && i < now.count; i++) {
    const struct posix_timer *t = &now.item[i], *old = find(then, t->id);
    if (old && is_same(old, t) && (!t->thread || is_among(t->thread, threads, count)))
      add_set(b, t->id, off);
    else
      (void)CALL(b, SYS_timer_delete, NUMBER(t->id));
    r = run_when_full(x, b, false, e);
  }
  if (r == 0)
    r = run_when_full(x, b, true, e);
  batch_free(b);
  timers_done(&now);
  return r;
}

// ---- making ----

static int64_t create(struct executor *x, const struct posix_timer *t, bool sets_id, int *ret_id, struct error *e) {
  struct batch *b = batch_new();
  struct sigevent event = {
      .sigev_value.sival_ptr = (void *)(uintptr_t)t->value, .sigev_signo = t->signal, .sigev_notify = t->notify};
  event._sigev_un._tid = t->thread;
  size_t at = batch_data(b, &event, sizeof event), id = batch_data(b, &t->id, sizeof t->id);
  if (sets_id)
    (void)CALL(b, SYS_prctl, NUMBER(SET_IDS), NUMBER(1), NUMBER(0), NUMBER(0), NUMBER(0));
  unsigned made = CALL(b, SYS_timer_create, NUMBER(t->clock), POINTER(at), POINTER(id));
  if (sets_id)
    (void)CALL(b, SYS_prctl, NUMBER(SET_IDS), NUMBER(0), NUMBER(0), NUMBER(0), NUMBER(0));
  int64_t r = executor_run(x, b, e) < 0 ? -EIO : sets_id && batch_result(b, 0) < 0 ? -ENOSYS : batch_result(b, made);
  memcpy(ret_id, batch_at(b, id), sizeof *ret_id);
  batch_free(b);
  return r;
}

// An older kernel gives ids in ascending order: `count` of them are made and deleted.
static int pass_ids(struct executor *x, int first, int count, struct error *e) {
  struct batch *b = batch_new();
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  int r = 0;
  for (int i = 0; r == 0 && i < count; i++) {
    size_t at = batch_data(b, &event, sizeof event), id = batch_data(b, NULL, sizeof(int));
    (void)CALL(b, SYS_timer_create, NUMBER(CLOCK_MONOTONIC), POINTER(at), POINTER(id));
    (void)CALL(b, SYS_timer_delete, NUMBER(first + i));
    r = run_when_full(x, b, i + 1 == count, e);
  }
  batch_free(b);
  return r;
}

// 0; -ERANGE: the ids have passed it already, or it is too far away.
static int64_t create_by_counting(struct executor *x, const struct posix_timer *t, struct error *e) {
  enum { MOST = 200000 };
  int id = -1;
  for (int try = 0; try < 2; try++) {
    int64_t r = create(x, t, false, &id, e);
    if (r < 0 || id == t->id)
      return r;
    (void)executor_call(x, e, SYS_timer_delete, (uint64_t)id, 0, 0, 0, 0, 0);
    if (id > t->id || t->id - id > MOST)
      return -ERANGE;
    if (pass_ids(x, id + 1, t->id - id - 1, e) < 0)
      return -EIO;
  }
  return -ERANGE;
}

static int make(struct executor *x, const struct posix_timer *t, struct error *e) {
  int id;
  int64_t r = fault(FAULT_timer_ids) < 0 ? -ENOSYS : create(x, t, true, &id, e);
  if (r == -ENOSYS)
    r = create_by_counting(x, t, e);
  return r < 0 ? error_set_errno(e, (int)r, "cannot make timer %d of process %d again", t->id, executor_pid(x)) : 0;
}

static int make_missing(struct executor *x, const struct timers *then, struct error *e) {
  struct timers now;
  if (timers_list(executor_pid(x), &now, e) < 0)
    return -1;
  int r = 0;
  for (size_t i = 0; r == 0 && i < then->count; i++)
    if (!find(&now, then->item[i].id))
      r = make(x, &then->item[i], e);
  timers_done(&now);
  return r;
}

int timers_put_back(struct executor *x, const struct timers *then, struct error *e) {
  int r = fault(FAULT_rewind_timers);
  if (r < 0)
    return error_set_errno(e, r, "cannot put the timers of process %d back", executor_pid(x));
  if (make_missing(x, then, e) < 0)
    return -1;
  struct batch *b = batch_new();
  for (size_t i = 0; r == 0 && i < then->count; i++) {
    add_set(b, then->item[i].id, &then->item[i].left);
    r = run_when_full(x, b, false, e);
  }
  add_interval_timers(b, then->interval);
  if (r == 0)
    r = run_when_full(x, b, true, e);
  batch_free(b);
  return r;
}
