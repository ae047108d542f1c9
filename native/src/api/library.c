// SPDX-License-Identifier: EPL-2.0
// libsnapback: a program's own snapshots.
//
// A snapshot is asked for over a socket, which is closed before it is taken; the answer is written from outside into
// `words`, in the process, in the snapshot's memory and in its images, each another one. Because the memory goes back
// with a rewind, so does everything here: whether snapshots are disabled, and who waits.
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "api/line.h"
#include "base/application.h"
#include "snapback.h"

// Fields of proto/control.proto.
enum { VERB_STATUS = 3, VERB_TAKE = 5, TAKE_NAME = 1, TAKE_SAVE = 4, TAKE_BY_APPLICATION = 5, REPLY_STATUS = 4 };
enum { STATUS_NAME = 1, STATUS_KIND = 2, STATUS_SNAPSHOTS = 8, STATUS_CURRENT = 9, KIND_DEBUGGER = 2 };

enum { LOOK_AGAIN_NS = 10 * 1000 * 1000 };

static struct application_words words = {.magic = APPLICATION_MAGIC};

static pthread_mutex_t taking = PTHREAD_MUTEX_INITIALIZER;
static enum { UNKNOWN, CONTROLLED, FREE } control;  // never changes in the life of a process

static __thread unsigned own_disabled;
static __thread char last_error[sizeof((struct error *)0)->text];

#define NOT_CONTROLLED "this process is not under Snapback's control: start it by 'snapback launch' or 'snapback gdb'"

// ---- errors ----

static int fail(int number, const char *text) {
  (void)snprintf(last_error, sizeof last_error, "%s", text);
  return -number;
}

static int fail_with(const struct error *e) {
  static const int numbers[] = {
      [ERROR_BAD_REQUEST] = EINVAL,  [ERROR_REFUSED] = ENOTSUP,  [ERROR_BUSY] = EBUSY,
      [ERROR_CANCELLED] = ECANCELED, [ERROR_NO_MEMORY] = ENOMEM,
  };
  size_t code = (size_t)e->code;
  int number = code < sizeof numbers / sizeof *numbers ? numbers[code] : 0;
  return fail(number ? number : EIO, e->text);
}

static int succeed(int result) {
  last_error[0] = 0;
  return result;
}

const char *snapback_last_error(void) { return last_error; }

const char *snapback_version(void) { return SNAPBACK_VERSION; }

// ---- no snapshots ----

static void disable(void) { (void)__atomic_add_fetch(&words.disabled, 1, __ATOMIC_SEQ_CST); }
static void enable(void) { (void)__atomic_sub_fetch(&words.disabled, 1, __ATOMIC_SEQ_CST); }

// While there is a socket nobody may take a snapshot, and nobody may end the thread.
struct section {
  int cancel_state;
};

static struct section section_begin(void) {
  struct section s;
  (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &s.cancel_state);
  disable();
  return s;
}

static void section_end(const struct section *s) {
  enable();
  (void)pthread_setcancelstate(s->cancel_state, NULL);
}

// A child has words of its own, and one thread.
static void begin_child(void) {
  (void)pthread_mutex_init(&taking, NULL);
  words.disabled = own_disabled;
  words.answer = APPLICATION_IDLE;
  control = UNKNOWN;
}

__attribute__((constructor)) static void begin(void) { (void)pthread_atfork(NULL, NULL, begin_child); }

// Nobody is to look for words in memory that belongs to something else.
__attribute__((destructor)) static void end(void) { memset(words.magic, 0, sizeof words.magic); }

// ---- the supervisor ----

// 1: under control, and the supervisor knows where our words are; 0; -1 and `e`.
static int find_supervisor(struct error *e) {
  int known = __atomic_load_n(&control, __ATOMIC_ACQUIRE);
  if (known != UNKNOWN)
    return known == CONTROLLED;
  struct line line;
  struct section section = section_begin();
  int r = line_open(&line, &words, e);
  if (r > 0)
    line_close(&line);
  section_end(&section);
  if (r >= 0)
    __atomic_store_n(&control, r ? CONTROLLED : FREE, __ATOMIC_RELEASE);
  return r;
}

int snapback_is_controlled(void) {
  struct error e = {0};
  int r = find_supervisor(&e);
  if (r < 0)
    (void)fail_with(&e);
  return r > 0 ? succeed(1) : 0;
}

// 0, or what the caller is to return.
static int require_supervisor(void) {
  struct error e = {0};
  int r = find_supervisor(&e);
  return r > 0 ? 0 : r < 0 ? fail_with(&e) : fail(ENOTCONN, NOT_CONTROLLED);
}

// ---- snapshots ----

static int ask(const char *name, unsigned flags, struct error *e) {
  struct message take = {0}, save = {0};
  struct view reply;
  struct line line;
  if (name)
    message_text(&take, TAKE_NAME, name);
  message_number(&take, TAKE_BY_APPLICATION, words.ticket);
  if (flags & SNAPBACK_SAVE)
    message_inner(&take, TAKE_SAVE, &save);
  int r = line_open(&line, &words, e);
  if (r == 0)
    return error_set(e, ERROR_FAILED, "the session does not listen any more");
  if (r < 0)
    return -1;
  r = line_ask(&line, VERB_TAKE, &take, &reply, e);
  line_close(&line);
  return r;
}

static uint32_t await_answer(void) {
  for (;;) {
    uint32_t answer = __atomic_load_n(&words.answer, __ATOMIC_ACQUIRE);
    if (answer != APPLICATION_WAITING)
      return answer;
    // Who was held for a snapshot begins this call anew and sees the answer; a refusal wakes nobody.
    struct timespec soon = {.tv_nsec = LOOK_AGAIN_NS};
    (void)syscall(SYS_futex, &words.answer, FUTEX_WAIT_PRIVATE, APPLICATION_WAITING, &soon, NULL, 0);
  }
}

// Not a counter: that would go back with a rewind.
static uint64_t new_ticket(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint32_t take_one(const char *name, unsigned flags, struct error *e) {
  struct section section = section_begin();
  words.ticket = new_ticket();
  __atomic_store_n(&words.answer, APPLICATION_WAITING, __ATOMIC_RELEASE);
  int r = ask(name, flags, e);
  if (r < 0)
    __atomic_store_n(&words.answer, APPLICATION_IDLE, __ATOMIC_RELEASE);
  section_end(&section);
  return r < 0 ? APPLICATION_IDLE : await_answer();
}

static int result_of(uint32_t answer, struct error *e) {
  switch (answer) {
  case APPLICATION_WENT_ON:
    return succeed(SNAPBACK_WENT_ON);
  case APPLICATION_AFTER_REWIND:
    return succeed(SNAPBACK_AFTER_REWIND);
  case APPLICATION_AFTER_RESTART:
    return succeed(SNAPBACK_AFTER_RESTART);
  case APPLICATION_REFUSED:
    (void)error_set(e, (enum error_code)words.code, "%.*s", (int)sizeof words.text, words.text);
    return fail_with(e);
  default:
    return fail_with(e);
  }
}

int snapback_snapshot(const char *name, unsigned flags) {
  struct error e = {0};
  uint32_t answer;
  if (flags & ~(unsigned)SNAPBACK_SAVE)
    return fail(EINVAL, "snapback_snapshot knows no flag but SNAPBACK_SAVE");
  int r = require_supervisor();
  if (r < 0)
    return r;
  if (own_disabled)
    return fail(EDEADLK, "this thread has disabled snapshots itself: enable them first (snapback_enable)");
  (void)pthread_mutex_lock(&taking);
  do
    answer = take_one(name, flags, &e);
  while (answer == APPLICATION_AGAIN);
  r = result_of(answer, &e);
  words.answer = APPLICATION_IDLE;
  (void)pthread_mutex_unlock(&taking);
  return r;
}

int snapback_disable(void) {
  struct error ignored = {0};
  (void)find_supervisor(&ignored);
  own_disabled++;
  disable();
  return succeed(0);
}

int snapback_enable(void) {
  if (!own_disabled)
    return fail(EINVAL, "this thread has not disabled snapshots, so it cannot enable them");
  enable();
  own_disabled--;
  return succeed(0);
}

// ---- status ----

static int ask_status(struct view *ret, struct line *line, struct error *e) {
  struct message nothing = {0};
  struct view reply;
  if (line_ask(line, VERB_STATUS, &nothing, &reply, e) < 0)
    return -1;
  return view_inner(reply, REPLY_STATUS, ret) ? 0 : error_set(e, ERROR_FAILED, "the session has not told its status");
}

static void read_status(struct view v, struct snapback_status *ret) {
  uint64_t kind = 0;
  *ret = (struct snapback_status){0};
  view_text(v, STATUS_NAME, ret->session, sizeof ret->session);
  (void)view_number(v, STATUS_KIND, &kind);
  (void)view_number(v, STATUS_SNAPSHOTS, &ret->snapshots);
  (void)view_number(v, STATUS_CURRENT, &ret->current_snapshot);
  ret->is_debugged = kind == KIND_DEBUGGER;
}

static int fetch_status(struct snapback_status *ret, struct error *e) {
  struct line line;
  struct view status;
  int r = line_open(&line, &words, e);
  if (r == 0)
    return error_set(e, ERROR_FAILED, "the session does not listen any more");
  if (r < 0)
    return -1;
  r = ask_status(&status, &line, e);
  if (r == 0)
    read_status(status, ret);
  line_close(&line);
  return r;
}

int snapback_status(struct snapback_status *ret_status) {
  struct error e = {0};
  int r = require_supervisor();
  if (r < 0)
    return r;
  struct section section = section_begin();
  r = fetch_status(ret_status, &e);
  section_end(&section);
  if (r < 0)
    return fail_with(&e);
  ret_status->disabled = __atomic_load_n(&words.disabled, __ATOMIC_RELAXED);
  return succeed(0);
}
