// SPDX-License-Identifier: EPL-2.0
// inotify sets against a model: watches come and go, sets are closed and opened again, and whatever is done to a file
// is told under the number that its watch was given.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watched.h"

enum { SETS = 2 };

static struct set {
  int fd;            // -1: closed
  int watch[FILES];  // number; 0: none
  uint32_t events[FILES];
} sets[SETS];

static void open_set(struct set *s) {
  *s = (struct set){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  CHECK(s->fd >= 0);
}

static void drop(struct set *s) {
  char bytes[8192];
  while (s->fd >= 0 && read(s->fd, bytes, sizeof bytes) > 0)
    ;
}

static void watch(struct set *s, unsigned i) {
  static const uint32_t kinds[] = {IN_MODIFY, IN_ATTRIB, IN_MODIFY | IN_ATTRIB};
  s->events[i] = i == FOLDER ? IN_CREATE | IN_DELETE : i == LINK ? IN_ATTRIB : kinds[live_random(3)];
  int number = inotify_add_watch(s->fd, path_of(i), s->events[i] | IN_DONT_FOLLOW);
  CHECK(number > 0 && (!s->watch[i] || number == s->watch[i]));
  s->watch[i] = number;
}

static void unwatch(struct set *s, unsigned i) {
  if (!s->watch[i])
    return;
  CHECK(inotify_rm_watch(s->fd, s->watch[i]) == 0);
  s->watch[i] = 0;
}

static void change_set(struct set *s) {
  unsigned what = live_random(12);
  if (what == 0 && s->fd >= 0) {
    CHECK(close(s->fd) == 0);
    *s = (struct set){.fd = -1};
  } else if (s->fd < 0) {
    open_set(s);
  } else if (what < 8) {
    watch(s, live_random(FILES));
  } else {
    unwatch(s, live_random(FILES));
  }
}

// As /proc tells them.
static void check_watches(const struct set *s) {
  char path[64], text[4000] = "";
  unsigned found = 0, wanted = 0;
  if (s->fd < 0)
    return;
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", s->fd);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0 && close(fd) == 0);
  for (const char *at = strstr(text, "inotify wd:"); at; at = strstr(at + 1, "inotify wd:"))
    found++;
  for (unsigned i = 0; i < FILES; i++) {
    char line[64];
    snprintf(line, sizeof line, "inotify wd:%x ", s->watch[i]);
    if (!s->watch[i])
      continue;
    wanted++;
    const char *at = strstr(text, line), *mask = at ? strstr(at, " mask:") : NULL;
    CHECK(mask && strtoul(mask + 6, NULL, 16) == s->events[i]);
  }
  CHECK(found == wanted);
}

static bool is_told(const struct set *s, unsigned i) {
  _Alignas(struct inotify_event) char bytes[8192];
  ssize_t n = read(s->fd, bytes, sizeof bytes);
  bool told = false;
  CHECK(n > 0 || errno == EAGAIN);
  for (ssize_t at = 0; at < n;) {
    const struct inotify_event *event = (const struct inotify_event *)(bytes + at);
    told |= event->wd == s->watch[i] && (event->mask & s->events[i]);
    CHECK(event->wd != s->watch[FOLDER] || event->len == 0 || strcmp(event->name, "made") == 0);
    at += (ssize_t)sizeof *event + event->len;
  }
  return told;
}

// What a rewind has taken out of the queue happens again.
static void check_events(const struct set *s) {
  unsigned i = live_random(FILES), tries = PATIENCE;
  if (s->fd < 0 || !s->watch[i])
    return;
  do
    touch(i);
  while (!is_told(s, i) && --tries);
  CHECK(tries);
}

int main(void) {
  live_begin();
  make_files("inotify");
  for (unsigned k = 0; k < SETS; k++)
    open_set(&sets[k]);
  do {
    struct set *s = &sets[live_random(SETS)];
    change_set(s);
    check_watches(s);
    check_events(s);
    drop(s);
  } while (live_tick());
  remove_files();
  live_pass();
}
