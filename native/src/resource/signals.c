// SPDX-License-Identifier: EPL-2.0
// What a process does on each signal.
#include "resource/signals.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

enum { SET_SIZE = 8 };

static bool is_settable(int number) { return number != SIGKILL && number != SIGSTOP; }

int signal_actions_read(struct executor *x, struct signal_actions *ret, struct error *e) {
  struct batch *b = batch_new();
  size_t at = batch_data(b, NULL, sizeof *ret);
  for (int i = 1; i <= SIGNALS; i++)
    (void)CALL(b, SYS_rt_sigaction, NUMBER(i), NUMBER(0), POINTER(at + (size_t)i * sizeof ret->action[0]),
               NUMBER(SET_SIZE));
  int r = executor_run(x, b, e);
  if (r == 0)
    memcpy(ret, batch_at(b, at), sizeof *ret);
  batch_free(b);
  return r;
}

int signal_actions_set(struct executor *x, const struct signal_actions *actions, struct error *e) {
  struct batch *b = batch_new();
  size_t at = batch_data(b, actions, sizeof *actions);
  for (int i = 1; i <= SIGNALS; i++)
    if (is_settable(i))
      (void)CALL(b, SYS_rt_sigaction, NUMBER(i), POINTER(at + (size_t)i * sizeof actions->action[0]), NUMBER(0),
                 NUMBER(SET_SIZE));
  int r = executor_run(x, b, e);
  batch_free(b);
  return r;
}
