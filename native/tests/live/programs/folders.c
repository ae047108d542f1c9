// SPDX-License-Identifier: EPL-2.0
// The working directory and the umask, changed at random; files that are made show both.
#include "live.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDERS = 5 };

static char paths[FOLDERS][PATH_MAX];
static unsigned current;
static mode_t mask;

static void check(void) {
  char here[PATH_MAX];
  struct stat facts;
  CHECK(getcwd(here, sizeof here) && strcmp(here, paths[current]) == 0);
  // A file without a name: no rewind can find it half made.
  int fd = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0777);
  CHECK(fd >= 0);
  CHECK(fstat(fd, &facts) == 0 && (facts.st_mode & 0777) == (0777 & ~mask));
  CHECK(close(fd) == 0);
}

int main(void) {
  char root[200];
  live_begin();
  snprintf(root, sizeof root, "%s/live-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
  CHECK(mkdtemp(root));
  for (unsigned i = 0; i < FOLDERS; i++) {
    snprintf(paths[i], sizeof paths[i], "%s/folder %u", root, i);
    CHECK(mkdir(paths[i], 0700) == 0);
  }
  umask(mask);
  CHECK(chdir(paths[current]) == 0);
  do {
    if (live_random(3) == 0) {
      current = live_random(FOLDERS);
      CHECK(chdir(paths[current]) == 0);
    }
    if (live_random(3) == 0) {
      mode_t next = live_random(0100);
      CHECK(umask(next) == mask);
      mask = next;
    }
    check();
  } while (live_tick());
  CHECK(chdir("/") == 0);
  for (unsigned i = 0; i < FOLDERS; i++)
    CHECK(rmdir(paths[i]) == 0);
  CHECK(rmdir(root) == 0);
  live_pass();
}
