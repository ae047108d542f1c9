// SPDX-License-Identifier: EPL-2.0
// A program that does with libsnapback what it is told, a line at a time, and tells in a journal what came of it.
//
// usage: commanded JOURNAL, with commands on standard input. The other threads work all the time.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal.h"
#include "snapback.h"

enum { WORKERS = 3, BLOCK = 1 << 20 };

static atomic_ulong work[WORKERS];
static unsigned char *block;

static void *run_worker(void *data) {
  atomic_ulong *mine = data;
  for (;;) {
    (void)atomic_fetch_add(mine, 1);
    (void)usleep(200);
  }
  return NULL;
}

static void tell_result(const char *what, int result) {
  static const char *const words[] = {"done", "went on", "after rewind", "after restart"};
  if (result >= 0)
    tell("%s: %s\n", what, words[result]);
  else
    tell("%s: %s: %s\n", what, strerrorname_np(-result), snapback_last_error());
}

static void on_snapshot(const char *name) { tell_result(name, snapback_snapshot(name, 0)); }
static void on_save(const char *name) { tell_result(name, snapback_snapshot(name, SNAPBACK_SAVE)); }
static void on_flags(const char *rest) {
  (void)rest;
  tell_result("flags", snapback_snapshot(NULL, 1u << 31));
}
static void on_disable(const char *rest) {
  (void)rest;
  tell_result("disable", snapback_disable());
}
static void on_enable(const char *rest) {
  (void)rest;
  tell_result("enable", snapback_enable());
}

static void on_controlled(const char *rest) {
  (void)rest;
  tell("controlled: %d\n", snapback_is_controlled());
}

static void on_status(const char *rest) {
  (void)rest;
  struct snapback_status s;
  int r = snapback_status(&s);
  if (r < 0)
    tell_result("status", r);
  else
    tell("status: %s %s snapshots=%llu current=%llu disabled=%u\n", s.session, s.is_debugged ? "debugged" : "launched",
         (unsigned long long)s.snapshots, (unsigned long long)s.current_snapshot, s.disabled);
}

static void on_set(const char *value) { memset(block, atoi(value), BLOCK); }

static void on_say(const char *rest) {
  (void)rest;
  for (size_t i = 1; i < BLOCK; i++)
    if (block[i] != block[0])
      tell("FAIL byte %zu is %d, not %d\n", i, block[i], block[0]);
  tell("value: %d\n", block[0]);
}

static void on_work(const char *rest) {
  (void)rest;
  unsigned long least = atomic_load(&work[0]);
  for (int i = 1; i < WORKERS; i++)
    least = atomic_load(&work[i]) < least ? atomic_load(&work[i]) : least;
  tell("work: %lu\n", least);
}

static void on_child(const char *rest) {
  (void)rest;
  pid_t pid = fork();
  if (pid == 0) {
    tell_result("child", snapback_snapshot("child", 0));
    _exit(0);
  }
  (void)waitpid(pid, NULL, 0);
}

static void *disable_and_end(void *unused) {
  (void)unused;
  tell_result("other", snapback_disable());
  (void)usleep(300 * 1000);
  tell_result("other", snapback_enable());
  return NULL;
}

// Another thread keeps snapshots disabled for a while.
static void on_other(const char *rest) {
  pthread_t thread;
  (void)rest;
  (void)pthread_create(&thread, NULL, disable_and_end, NULL);
  (void)pthread_detach(thread);
}

static const struct {
  const char *name;
  void (*function)(const char *rest);
} commands[] = {
    {"snapshot", on_snapshot}, {"save", on_save},     {"flags", on_flags},
    {"disable", on_disable},   {"enable", on_enable}, {"controlled", on_controlled},
    {"status", on_status},     {"set", on_set},       {"say", on_say},
    {"work", on_work},         {"child", on_child},   {"other", on_other},
};

static void obey(char *line) {
  char *rest = strpbrk(line, " \n");
  char *end = strchr(line, '\n');
  if (end)
    *end = 0;
  if (rest && *rest)
    *rest++ = 0;
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strcmp(line, commands[i].name) == 0)
      commands[i].function(rest ? rest : "");
}

int main(int argc, char **argv) {
  char line[256];
  pthread_t thread;
  if (argc != 2)
    return 2;
  journal = argv[1];
  block = malloc(BLOCK);
  memset(block, 0, BLOCK);
  for (int i = 0; i < WORKERS; i++)
    (void)pthread_create(&thread, NULL, run_worker, &work[i]);
  tell("ready\n");
  (void)setvbuf(stdin, NULL, _IONBF, 0);
  while (fgets(line, sizeof line, stdin))
    obey(line);
  return 0;
}
