// SPDX-License-Identifier: EPL-2.0
// The supervisor's poll loop: whoever is freed while calls are made is not called.
#include <poll.h>
#include <unistd.h>

#include "session/loop.h"
#include "unit.h"

struct scene {
  struct loop *loop;
  int pipes[2][2];
  struct watch *watches[2];
  struct alarm *alarms[2];
  int calls;
};

static void close_pipe(struct scene *s, int i) {
  (void)close(s->pipes[i][0]);
  (void)close(s->pipes[i][1]);
}

static int set_up(void **state) {
  static struct scene scene;
  scene = (struct scene){.loop = loop_new()};
  for (int i = 0; i < 2; i++)
    if (pipe(scene.pipes[i]) || write(scene.pipes[i][1], "x", 1) != 1)
      return -1;
  *state = &scene;
  return 0;
}

static int tear_down(void **state) {
  struct scene *s = *state;
  loop_free(s->loop);
  close_pipe(s, 0);
  close_pipe(s, 1);
  return 0;
}

static void count(void *data, short revents) {
  assert_true(revents & POLLIN);
  ((struct scene *)data)->calls++;
}

static void free_both(void *data, short revents) {
  struct scene *s = data;
  (void)revents;
  s->calls++;
  watch_free(s->watches[0]);
  watch_free(s->watches[1]);
}

static void callsWhatIsReady(void **state) {
  struct scene *s = *state;
  struct watch *w = loop_watch(s->loop, s->pipes[0][0], POLLIN, count, s);
  assert_int_equal(loop_round(s->loop), 0);
  assert_int_equal(s->calls, 1);
  watch_events(w, 0);
  (void)loop_watch(s->loop, s->pipes[1][0], POLLIN, count, s);
  assert_int_equal(loop_round(s->loop), 0);
  assert_int_equal(s->calls, 2);
}

static void doesNotCallWhatWasFreedInTheSameRound(void **state) {
  struct scene *s = *state;
  for (int i = 0; i < 2; i++)
    s->watches[i] = loop_watch(s->loop, s->pipes[i][0], POLLIN, free_both, s);
  assert_int_equal(loop_round(s->loop), 0);
  assert_int_equal(s->calls, 1);
}

static void watch_more(void *data, short revents) {
  struct scene *s = data;
  (void)revents;
  watch_free(s->watches[0]);
  for (int i = 0; i < 40; i++)  // more than the loop has room for as yet
    (void)loop_watch(s->loop, s->pipes[1][0], POLLIN, count, s);
}

static void takesNewWatchesFromTheNextRoundOn(void **state) {
  struct scene *s = *state;
  s->watches[0] = loop_watch(s->loop, s->pipes[0][0], POLLIN, watch_more, s);
  assert_int_equal(loop_round(s->loop), 0);
  assert_int_equal(s->calls, 0);
  assert_int_equal(loop_round(s->loop), 0);
  assert_int_equal(s->calls, 40);
}

static void free_other_alarm(void *data) {
  struct scene *s = data;
  s->calls++;
  alarm_free(s->alarms[0]);
}

static void ringsOnceAndNotWhenFreed(void **state) {
  struct scene *s = *state;
  for (int i = 0; i < 2; i++)  // the later is called first
    s->alarms[i] = loop_alarm(s->loop, 0, free_other_alarm, s);
  assert_int_equal(loop_round(s->loop), 0);
  assert_int_equal(s->calls, 1);
  (void)loop_alarm(s->loop, 1, free_other_alarm, s);
  s->alarms[0] = NULL;
  while (s->calls < 2)
    assert_int_equal(loop_round(s->loop), 0);
  assert_int_equal(s->calls, 2);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      IN_SCENE(callsWhatIsReady),
      IN_SCENE(doesNotCallWhatWasFreedInTheSameRound),
      IN_SCENE(takesNewWatchesFromTheNextRoundOn),
      IN_SCENE(ringsOnceAndNotWhenFreed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
