// SPDX-License-Identifier: EPL-2.0
// A limit to how long the threads of a process may take to come to rest. It is counted in ticks, of which a machine
// that was itself suspended sees one only: that time is nobody's fault.
#include "engine/patience.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/time.h>

#include "trace/wait.h"

enum { TICK_US = 5000 };

static struct {
  struct frozen *frozen;
  volatile sig_atomic_t ticks, seizes;
  sigjmp_buf way_out;
  struct sigaction action_before;
  sigset_t mask_before;
} patience;

bool patience_is_over(void) { return patience.ticks >= PATIENCE_S * (1000000 / TICK_US); }

// The list only while a seizure waits: then nobody else touches it. The kernel begins the interrupted request again.
static void on_tick(int signal) {
  (void)signal;
  patience.ticks++;
  if (!patience.seizes)
    return;
  int saved = errno, status;
  for (size_t i = 0; i < patience.frozen->count; i++)
    if (patience.frozen->tid[i] != patience.frozen->pid)
      (void)thread_take_end(patience.frozen->tid[i], &status);
  errno = saved;
  if (patience_is_over())
    siglongjmp(patience.way_out, 1);
}

void patience_begin(struct frozen *f) {
  patience.frozen = f;
  patience.ticks = patience.seizes = 0;
  sigset_t tick;
  sigemptyset(&tick);
  sigaddset(&tick, SIGALRM);
  (void)sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_tick}, &patience.action_before);
  (void)sigprocmask(SIG_UNBLOCK, &tick, &patience.mask_before);
  struct timeval every = {.tv_usec = TICK_US};
  (void)setitimer(ITIMER_REAL, &(struct itimerval){every, every}, NULL);
}

void patience_end(void) {
  (void)setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
  (void)sigaction(SIGALRM, &patience.action_before, NULL);
  (void)sigprocmask(SIG_SETMASK, &patience.mask_before, NULL);
}

int patience_seize(pid_t tid) {
  if (sigsetjmp(patience.way_out, true)) {
    patience.seizes = 0;
    return -ETIMEDOUT;
  }
  patience.seizes = 1;
  int r = ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC) < 0 ? -errno : 0;
  patience.seizes = 0;
  return r;
}
