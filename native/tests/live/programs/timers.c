// SPDX-License-Identifier: EPL-2.0
// Timers that send signals: interval timers and POSIX timers, far and near, once and again and again, to the process
// and to a thread, made and deleted.
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 8, MILLISECOND_NS = 1000000, PATIENCE_S = 20 };

// Far: it has to be there with what was set. Near: it has to run out.
enum mode { UNUSED, OFF, FAR, NEAR };
static struct slot {
  timer_t timer;
  enum mode mode;
  int number;
  int target;  // SIGEV_…
  bool repeats;
} slots[SLOTS];
static enum mode alarm_mode = OFF;

static sigset_t only(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  return set;
}

static bool take(int number, siginfo_t *info, time_t patience) {
  sigset_t set = only(number);
  struct timespec t = {.tv_sec = patience};
  int r;
  do
    r = sigtimedwait(&set, info, &t);
  while (r < 0 && errno == EINTR);
  return r == number;
}

static void make(struct slot *s) {
  static const int clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
  static const int targets[] = {SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD_ID};
  if (s->mode != UNUSED)
    return;
  s->number = SIGRTMIN + 1 + (int)(s - slots);
  s->target = targets[live_random(3)];
  struct sigevent event = {.sigev_notify = s->target, .sigev_signo = s->number, .sigev_value.sival_ptr = s};
  if (s->target == SIGEV_THREAD_ID)
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  CHECK(timer_create(clocks[live_random(3)], &event, &s->timer) == 0);
  s->mode = OFF;
}

// What a near one has sent is taken before anything else is done with it.
static void await(struct slot *s) {
  siginfo_t info;
  if (s->mode != NEAR)
    return;
  CHECK(take(s->number, &info, PATIENCE_S));
  CHECK(info.si_code == SI_TIMER && info.si_value.sival_ptr == s);
  if (!s->repeats)
    s->mode = OFF;
}

static void stop(struct slot *s) {
  struct itimerspec off = {0};
  siginfo_t info;
  if (s->mode == UNUSED)
    return;
  await(s);
  CHECK(timer_settime(s->timer, 0, &off, NULL) == 0);
  while (take(s->number, &info, 0))
    CHECK(info.si_value.sival_ptr == s);
  s->mode = OFF;
}

static void start_far(struct slot *s) {
  if (s->mode == UNUSED)
    return;
  stop(s);
  s->repeats = live_random(2);
  struct itimerspec t = {.it_value.tv_sec = 1000, .it_interval.tv_sec = s->repeats ? 50 : 0};
  CHECK(timer_settime(s->timer, 0, &t, NULL) == 0);
  s->mode = FAR;
}

static void start_near(struct slot *s) {
  if (s->mode == UNUSED || s->target == SIGEV_NONE)
    return;
  stop(s);
  s->repeats = live_random(2);
  struct itimerspec t = {.it_value.tv_nsec = 1 + live_random(8 * MILLISECOND_NS),
                         .it_interval.tv_nsec = s->repeats ? 3 * MILLISECOND_NS : 0};
  CHECK(timer_settime(s->timer, 0, &t, NULL) == 0);
  s->mode = NEAR;
}

static void drop(struct slot *s) {
  if (s->mode == UNUSED || live_random(3))
    return;
  stop(s);
  CHECK(timer_delete(s->timer) == 0);
  s->mode = UNUSED;
}

// ---- interval timers ----

static void await_alarm(struct slot *s) {
  (void)s;
  siginfo_t info;
  if (alarm_mode != NEAR)
    return;
  CHECK(take(SIGALRM, &info, PATIENCE_S));
  alarm_mode = OFF;
}

static void set_alarm(struct slot *s) {
  await_alarm(s);
  alarm_mode = live_random(3) ? NEAR : FAR;
  struct itimerval t = {0};
  if (alarm_mode == NEAR)
    t.it_value.tv_usec = 1 + live_random(8000);
  else
    t = (struct itimerval){.it_value.tv_sec = 1000, .it_interval.tv_sec = 50};
  CHECK(setitimer(ITIMER_REAL, &t, NULL) == 0);
}

static void check_interval_timers(void) {
  struct itimerval t;
  CHECK(getitimer(ITIMER_REAL, &t) == 0);
  if (alarm_mode == FAR)
    CHECK(t.it_value.tv_sec > 500 && t.it_value.tv_sec <= 1000 && t.it_interval.tv_sec == 50);
  if (alarm_mode == OFF)
    CHECK(t.it_value.tv_sec == 0 && t.it_value.tv_usec <= 1);  // 1: the kernel is just leaving it
  CHECK(getitimer(ITIMER_VIRTUAL, &t) == 0);
  CHECK(t.it_value.tv_sec > 500 && t.it_interval.tv_sec == 60 && t.it_interval.tv_usec == 7000);
  CHECK(getitimer(ITIMER_PROF, &t) == 0);
  CHECK(t.it_value.tv_sec > 500 && t.it_interval.tv_sec == 0);
}

static void check(const struct slot *s) {
  struct itimerspec now;
  if (s->mode == UNUSED)
    return;
  CHECK(timer_gettime(s->timer, &now) == 0);
  if (s->mode == FAR)
    CHECK(now.it_value.tv_sec > 500 && now.it_value.tv_sec <= 1000 && now.it_interval.tv_sec == (s->repeats ? 50 : 0));
  if (s->mode == NEAR)
    CHECK(now.it_interval.tv_nsec == (s->repeats ? 3 * MILLISECOND_NS : 0));
  // Of one that tells nobody the kernel goes on to say what was left when it was stopped.
  if (s->mode == OFF && s->target != SIGEV_NONE)
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
}

int main(void) {
  static void (*const changes[])(struct slot *) = {make,  start_far, start_near, start_near,  start_near,
                                                   await, stop,      drop,       await_alarm, set_alarm};
  const struct itimerval virtual = {{60, 7000}, {1000, 0}}, profiling = {{0, 0}, {1000, 0}};
  live_begin();
  sigset_t all;
  sigfillset(&all);
  CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
  CHECK(setitimer(ITIMER_VIRTUAL, &virtual, NULL) == 0 && setitimer(ITIMER_PROF, &profiling, NULL) == 0);
  do {
    for (unsigned k = 1 + live_random(5); k; k--)
      changes[live_random(sizeof changes / sizeof *changes)](&slots[live_random(SLOTS)]);
    for (unsigned i = 0; i < SLOTS; i++)
      check(&slots[i]);
    check_interval_timers();
  } while (live_tick());
  for (unsigned i = 0; i < SLOTS; i++)
    await(&slots[i]);
  await_alarm(NULL);
  live_pass();
}
