// SPDX-License-Identifier: EPL-2.0
// A program that now and then becomes another one by exec, with threads: a snapshot may be of any of them.
#include "live.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile uint64_t *memory, laps;
static uint64_t born;

static void *work(void *argument) {
  (void)argument;
  for (;;) {
    laps++;
    usleep(300);
  }
  return NULL;
}

// One of those that the environment names.
static void become_one_of(char *paths, const char *tick) {
  char *other = strchr(paths, ':');
  CHECK(other);
  *other++ = 0;
  execl(live_random(2) ? other : paths, "execs", tick, (char *)NULL);
  CHECK(!"exec works");
}

// Half of the time the other program, where there is one beside us: the same, linked statically.
static void become_another(void) {
  char self[PATH_MAX], other[PATH_MAX + 16], tick[32];
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  CHECK(n > 0);
  self[n] = 0;
  char *suffix = strstr(self, "_static");
  if (suffix)
    *suffix = 0;
  snprintf(other, sizeof other, "%s%s", self, live_random(2) ? "_static" : "");
  snprintf(tick, sizeof tick, "%llu", (unsigned long long)live_ticks());
  if (getenv("LIVE_OTHERS"))
    become_one_of(strdup(getenv("LIVE_OTHERS")), tick);
  execl(access(other, X_OK) == 0 ? other : self, "execs", tick, (char *)NULL);
  CHECK(!"exec works");
}

int main(int argc, char **argv) {
  born = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
  live_begin_at(born);
  memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  pthread_t threads[2];
  for (unsigned i = 0; i < 2; i++)
    CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
  for (;;) {
    uint64_t lived = live_ticks() - born;
    CHECK(memory[lived % 100 * 512] == (lived < 100 ? 0 : lived - 100));
    memory[lived % 100 * 512] = lived;
    if (!live_tick())
      live_pass();
    if (live_random(80) == 0)
      become_another();
  }
}
