// SPDX-License-Identifier: EPL-2.0
// epoll sets that watch files by numbers which have been closed or given to other files since, and sets of such sets.
#include "live.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { SETS = 2, FILES = 4, NUMBERS = 4, FIRST_NUMBER = 100, FIRST_COPY = 700, FIRST_SET = 600 };

static struct {
  bool ready;
  struct {
    bool watched;
    uint64_t data;
  } by[SETS][NUMBERS];
} files[FILES];
static int at[NUMBERS];  // the file that has the number; -1: none
static int outer = FIRST_SET + SETS;

static int move_to(int fd, int number) {
  CHECK(dup2(fd, number) == number && close(fd) == 0);
  return number;
}

static void make(unsigned f) {
  move_to(eventfd(0, EFD_NONBLOCK), FIRST_COPY + (int)f);
  files[f].ready = false;
}

// The last descriptor of a file takes its watches with it.
static void renew(unsigned f) {
  for (unsigned n = 0; n < NUMBERS; n++)
    if (at[n] == (int)f) {
      CHECK(close(FIRST_NUMBER + (int)n) == 0);
      at[n] = -1;
    }
  CHECK(close(FIRST_COPY + (int)f) == 0);
  for (unsigned k = 0; k < SETS; k++)
    for (unsigned n = 0; n < NUMBERS; n++)
      files[f].by[k][n].watched = false;
  make(f);
}

static void place(unsigned f) {
  unsigned n = live_random(NUMBERS);
  CHECK(dup2(FIRST_COPY + (int)f, FIRST_NUMBER + (int)n) >= 0);
  at[n] = (int)f;
}

static void take_away(unsigned f) {
  unsigned n = live_random(NUMBERS);
  (void)f;
  if (at[n] < 0)
    return;
  CHECK(close(FIRST_NUMBER + (int)n) == 0);
  at[n] = -1;
}

static void watch(unsigned f) {
  unsigned k = live_random(SETS), n = live_random(NUMBERS);
  f = (unsigned)at[n];
  if (at[n] < 0)
    return;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = live_stamp(f, live_ticks())};
  bool watched = files[f].by[k][n].watched;
  CHECK(epoll_ctl(FIRST_SET + (int)k, watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, FIRST_NUMBER + (int)n, &event) == 0);
  files[f].by[k][n].watched = true;
  files[f].by[k][n].data = event.data.u64;
}

static void unwatch(unsigned f) {
  unsigned k = live_random(SETS), n = live_random(NUMBERS);
  f = (unsigned)at[n];
  if (at[n] < 0)
    return;
  int result = epoll_ctl(FIRST_SET + (int)k, EPOLL_CTL_DEL, FIRST_NUMBER + (int)n, NULL);
  CHECK(files[f].by[k][n].watched ? result == 0 : result < 0 && errno == ENOENT);
  files[f].by[k][n].watched = false;
}

static void ring(unsigned f) {
  uint64_t count = 1;
  int fd = FIRST_COPY + (int)f;
  CHECK((files[f].ready ? read(fd, &count, sizeof count) : write(fd, &count, sizeof count)) == sizeof count);
  files[f].ready = !files[f].ready;
}

static void open_set(unsigned k) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = k};
  move_to(epoll_create1(0), FIRST_SET + (int)k);
  for (unsigned f = 0; f < FILES; f++)
    for (unsigned n = 0; n < NUMBERS; n++)
      files[f].by[k][n].watched = false;
  CHECK(epoll_ctl(outer, EPOLL_CTL_ADD, FIRST_SET + (int)k, &event) == 0);
}

static void renew_set(unsigned f) {
  unsigned k = f % SETS;
  if (live_random(4))
    return;
  CHECK(close(FIRST_SET + (int)k) == 0);
  open_set(k);
}

static bool is_among(const struct epoll_event *got, int count, uint64_t data) {
  bool found = false;
  for (int i = 0; i < count; i++)
    found |= got[i].data.u64 == data;
  return found;
}

static int check_set(unsigned k) {
  struct epoll_event got[FILES * NUMBERS + 1];
  int n = epoll_wait(FIRST_SET + (int)k, got, FILES * NUMBERS + 1, 0), wanted = 0;
  for (unsigned f = 0; f < FILES; f++)
    for (unsigned i = 0; i < NUMBERS; i++)
      if (files[f].ready && files[f].by[k][i].watched) {
        wanted++;
        CHECK(is_among(got, n, files[f].by[k][i].data));
      }
  CHECK(n == wanted);
  return wanted;
}

static void check(void) {
  struct epoll_event got[SETS + 1];
  int wanted = 0, n = epoll_wait(outer, got, SETS + 1, 0);
  for (unsigned k = 0; k < SETS; k++) {
    bool ready = check_set(k) > 0;
    wanted += ready;
    CHECK(is_among(got, n, k) == ready);
  }
  CHECK(n == wanted);
}

int main(void) {
  static void (*const changes[])(unsigned) = {renew, renew_set, place,   place, take_away,
                                              watch, watch,     unwatch, ring,  ring};
  live_begin();
  move_to(epoll_create1(0), outer);
  for (unsigned k = 0; k < SETS; k++)
    open_set(k);
  for (unsigned n = 0; n < NUMBERS; n++)
    at[n] = -1;
  for (unsigned f = 0; f < FILES; f++)
    make(f);
  do {
    for (unsigned n = 1 + live_random(5); n; n--)
      changes[live_random(sizeof changes / sizeof *changes)](live_random(FILES));
    check();
  } while (live_tick());
  live_pass();
}
