// SPDX-License-Identifier: EPL-2.0
// What a process does on each signal.
#include "resource/signals.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "trace/arch/narrow.h"

enum { SET_SIZE = 8 };

static bool is_settable(int number) { return number != SIGKILL && number != SIGSTOP; }

// The kernel notes of each action whether it was set by a narrow call, and calls the handler accordingly.
static size_t size_of_one(const struct executor *x) {
  return executor_is_narrow(x) ? sizeof(struct arch_narrow_action) : sizeof(struct signal_action);
}

static size_t add_action(struct batch *b, const struct executor *x, const struct signal_action *a) {
  const struct arch_narrow_action narrow = {.handler = (uint32_t)a->handler,
                                            .flags = (uint32_t)a->flags,
                                            .restorer = (uint32_t)a->restorer,
                                            .mask = {(uint32_t)a->mask, (uint32_t)(a->mask >> 32)}};
  return executor_is_narrow(x) ? batch_data(b, &narrow, sizeof narrow) : batch_data(b, a, sizeof *a);
}

static void take_action(const struct executor *x, const void *from, struct signal_action *ret) {
  struct arch_narrow_action a;
  if (!executor_is_narrow(x)) {
    memcpy(ret, from, sizeof *ret);
    return;
  }
  memcpy(&a, from, sizeof a);
  *ret = (struct signal_action){a.handler, a.flags, a.restorer, a.mask[0] | (uint64_t)a.mask[1] << 32};
}

int signal_actions_read(struct executor *x, struct signal_actions *ret, struct error *e) {
  struct batch *b = batch_new();
  const long call = executor_own_call(x, SYS_rt_sigaction);
  size_t at[SIGNALS + 1];
  for (int i = 1; i <= SIGNALS; i++) {
    at[i] = batch_data(b, NULL, size_of_one(x));
    (void)CALL(b, call, NUMBER(i), NUMBER(0), POINTER(at[i]), NUMBER(SET_SIZE));
  }
  int r = executor_run(x, b, e);
  for (int i = 1; r == 0 && i <= SIGNALS; i++)
    take_action(x, batch_at(b, at[i]), &ret->action[i]);
  batch_free(b);
  return r;
}

int signal_actions_set(struct executor *x, const struct signal_actions *actions, struct error *e) {
  struct batch *b = batch_new();
  const long call = executor_own_call(x, SYS_rt_sigaction);
  for (int i = 1; i <= SIGNALS; i++)
    if (is_settable(i))
      (void)CALL(b, call, NUMBER(i), POINTER(add_action(b, x, &actions->action[i])), NUMBER(0), NUMBER(SET_SIZE));
  int r = executor_run(x, b, e);
  batch_free(b);
  return r;
}
