// SPDX-License-Identifier: EPL-2.0
// Takes a lock, closes its file and takes it by another one, over and over: whoever held the closed file a moment
// longer would be seen. Below the locked file it holds many descriptors of the file that its argument names: whoever
// closes a copy of the table closes those first.
#include "live.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { HELD = 40, ROUNDS = 200 };

static void lock_and_close(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  CHECK(fd >= 0);
  CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);
  CHECK(close(fd) == 0);
}

int main(int argc, char **argv) {
  char path[256];
  live_begin();
  for (unsigned i = 0; i < HELD; i++)
    CHECK(open(argc > 1 ? argv[1] : "/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
  snprintf(path, sizeof path, "%s/live-closing-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  CHECK(close(mkstemp(path)) == 0);
  do
    for (unsigned i = 0; i < ROUNDS; i++)
      lock_and_close(path);
  while (live_tick_at_once());
  CHECK(unlink(path) == 0);
  live_pass();
}
