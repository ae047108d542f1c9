// SPDX-License-Identifier: EPL-2.0
// The words of libsnapback in the memory of the program and of its snapshots.
#include "engine/application.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/application.h"
#include "base/fault.h"
#include "engine/state.h"
#include "proc/memory.h"

enum { HEAD = offsetof(struct application_words, code) };  // what is looked at

// False: there are no words any more (the program has executed another one, say).
static bool read_words(const struct application *a, pid_t pid, struct application_words *ret) {
  return a->pid && a->pid == pid && memory_read(pid, a->words, ret, HEAD) == 0 &&
         memcmp(ret->magic, APPLICATION_MAGIC, sizeof ret->magic) == 0;
}

// A request that was made before a rewind may have waited here longer than the program, which asks for another one now.
static bool waits_with(const struct application_words *words, uint64_t ticket) {
  return words->answer == APPLICATION_WAITING && words->ticket == ticket;
}

static int write_answer(pid_t pid, uint64_t words, uint32_t answer) {
  return memory_write(pid, words + offsetof(struct application_words, answer), &answer, sizeof answer);
}

void engine_application_announce(struct engine *g, pid_t pid, uint64_t words) {
  g->application.pid = pid;
  g->application.words = words;
}

void engine_application_asks(struct engine *g, uint64_t ticket) { g->application.asks = ticket; }

static int refuse_disabled(struct error *e) {
  return error_set(e, ERROR_BUSY,
                   "the program has disabled snapshots (snapback_disable) and has not enabled them again yet: take the "
                   "snapshot later");
}

int engine_application_allows(const struct engine *g, pid_t pid, struct error *e) {
  struct application_words words;
  return read_words(&g->application, pid, &words) && words.disabled ? refuse_disabled(e) : 0;
}

void engine_application_refuse(const struct engine *g, uint64_t ticket, const struct error *e) {
  const struct application *a = &g->application;
  struct application_words words;
  if (!read_words(a, a->pid, &words) || !waits_with(&words, ticket))
    return;
  words.code = e->code;
  (void)snprintf(words.text, sizeof words.text, "%.*s", (int)sizeof words.text - 1, e->text);
  // The answer comes last: the program looks at it all the time.
  if (memory_write(a->pid, a->words + HEAD, &words.code, sizeof words - HEAD) == 0)
    (void)write_answer(a->pid, a->words, APPLICATION_REFUSED);
}

int application_check(const struct process_state *s, struct error *e) {
  const struct application *a = &s->engine->application;
  struct application_words words;
  if (!read_words(a, s->pid, &words))
    return 0;
  if (words.disabled)
    return refuse_disabled(e);
  if (a->asks && !waits_with(&words, a->asks))
    return error_set(e, ERROR_CANCELLED,
                     "the program does not wait for its snapshot any more, for it has been rewound meanwhile");
  return 0;
}

// Both are written, also where only the template's answer changes: the page has to count as changed since, or a rewind
// would leave the one of the process.
int application_answer(struct process_state *s, struct error *e) {
  struct application *a = &s->engine->application;
  struct application_words words;
  if (!read_words(a, s->pid, &words))
    return 0;
  s->application = (struct application){.pid = a->pid, .words = a->words};
  if (words.answer != APPLICATION_WAITING)
    return 0;
  bool asked = waits_with(&words, a->asks);
  s->application.at_restart = asked ? APPLICATION_AFTER_RESTART : 0;
  int r = fault(FAULT_application_answer);
  if (r == 0)
    r = write_answer(s->template.pid, a->words, asked ? APPLICATION_AFTER_REWIND : APPLICATION_AGAIN);
  if (r == 0)
    r = write_answer(s->pid, a->words, asked ? APPLICATION_WENT_ON : APPLICATION_WAITING);
  return r < 0 ? error_set_errno(e, r, "cannot answer the program's own call in process %d", s->pid) : 0;
}

void application_rewound(const struct process_state *s) {
  if (s->application.pid)
    engine_application_announce(s->engine, s->application.pid, s->application.words);
}

void application_describe(const struct process_state *s, Snapback__Image__Process *p) {
  p->application = s->application.words;
  p->application_answer = s->application.at_restart;
}

int application_restarted(struct engine *g, pid_t pid, const Snapback__Image__Process *p, struct error *e) {
  struct application_words words;
  if (!p->application)
    return 0;
  engine_application_announce(g, pid, p->application);
  if (p->application_answer != APPLICATION_AFTER_RESTART || !read_words(&g->application, pid, &words))
    return 0;
  int r = write_answer(pid, p->application, p->application_answer);
  return r < 0 ? error_set_errno(e, r, "cannot answer the program's own call in process %d", pid) : 0;
}
