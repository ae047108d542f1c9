// SPDX-License-Identifier: EPL-2.0
// A program with a second thread, which becomes another one by exec when there is a file "go", and then ticks on.
#include "live.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void *sleep_on(void *argument) {
  for (;;)
    pause();
  return argument;
}

static void wait_and_become_another(const char *self) {
  pthread_t thread;
  char tick[32];
  for (int i = 0; i < 2; i++)
    CHECK(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
  while (access("go", F_OK) != 0)
    CHECK(live_tick());
  snprintf(tick, sizeof tick, "%llu", (unsigned long long)live_ticks());
  execl("/proc/self/exe", self, tick, (char *)NULL);
  CHECK(!"exec works");
}

int main(int argc, char **argv) {
  live_begin_at(argc > 1 ? strtoull(argv[1], NULL, 10) : 0);
  if (argc > 2)
    wait_and_become_another(argv[0]);
  while (live_tick())
    ;
  live_pass();
}
