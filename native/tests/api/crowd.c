// SPDX-License-Identifier: EPL-2.0
// Several threads take their own snapshots side by side, over and over; each finds its own memory as it was.
//
// usage: crowd JOURNAL TURNS
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "snapback.h"

enum { THREADS = 4, BLOCK = 64 * 1024 };

static int turns;

static void check(const unsigned char *block, int thread, int turn) {
  for (int i = 0; i < BLOCK; i++)
    if (block[i] != (unsigned char)turn) {
      tell("FAIL thread %d: byte %d is %d in turn %d\n", thread, i, block[i], turn);
      exit(1);
    }
}

static void *run(void *data) {
  int thread = (int)(long)data;
  unsigned char *block = malloc(BLOCK);
  char name[32];
  for (int turn = 1; turn <= turns; turn++) {
    memset(block, turn, BLOCK);
    (void)snprintf(name, sizeof name, "%d-%d", thread, turn);
    int r = snapback_snapshot(name, 0);
    check(block, thread, turn);
    if (r < 0)
      tell("FAIL thread %d, turn %d: %d, %s\n", thread, turn, r, snapback_last_error());
    else
      tell("%s: %s\n", name, r == SNAPBACK_WENT_ON ? "went on" : "came back");
    (void)snapback_disable();
    memset(block, 0, BLOCK);
    (void)snapback_enable();
  }
  free(block);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t thread[THREADS];
  if (argc != 3)
    return 2;
  journal = argv[1];
  turns = atoi(argv[2]);
  for (long i = 0; i < THREADS; i++)
    (void)pthread_create(&thread[i], NULL, run, (void *)i);
  for (int i = 0; i < THREADS; i++)
    (void)pthread_join(thread[i], NULL);
  for (;;) {
    tell("end\n");
    (void)usleep(20 * 1000);
  }
}
