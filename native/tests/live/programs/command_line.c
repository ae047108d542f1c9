// SPDX-License-Identifier: EPL-2.0
// The command line and the name that others see: written over in place, as daemons do, and moved to memory elsewhere.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROOM = 4096, TITLE = 32 };

static char title[TITLE], shown[ROOM];

static size_t read_all(const char *path, char *to, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = read(fd, to, size - 1);
  CHECK(fd >= 0 && n >= 0 && close(fd) == 0);
  to[n] = 0;
  return (size_t)n;
}

static void check(void) {
  CHECK(read_all("/proc/self/cmdline", shown, sizeof shown) > 0);
  CHECK(strncmp(shown, title, strlen(title)) == 0);
  CHECK(read_all("/proc/self/comm", shown, sizeof shown) > 0);
  CHECK(strncmp(shown, title, strlen(title)) == 0);
}

// Fields of /proc/self/stat, by their number in proc(5).
static unsigned long long field(int number) {
  static char text[ROOM];
  CHECK(read_all("/proc/self/stat", text, sizeof text) > 0);
  char *at = strrchr(text, ')');
  for (int i = 2; at && i < number; i++)
    at = strchr(at + 1, ' ');
  CHECK(at);
  return strtoull(at + 1, NULL, 10);
}

static void move_to(char *start) {
  struct prctl_mm_map map = {.start_code = field(26),
                             .end_code = field(27),
                             .start_stack = field(28),
                             .start_data = field(45),
                             .end_data = field(46),
                             .start_brk = field(47),
                             .brk = (unsigned long)sbrk(0),
                             .env_start = field(50),
                             .env_end = field(51),
                             .exe_fd = (unsigned)-1};
  map.arg_start = (unsigned long)start;
  map.arg_end = (unsigned long)start + TITLE;
  CHECK(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0);
}

int main(int argc, char **argv) {
  char *place[3] = {argv[0]};
  (void)argc;
  live_begin();
  CHECK(strlen(argv[0]) >= TITLE);
  for (int i = 1; i < 3; i++) {
    place[i] = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(place[i] != MAP_FAILED);
  }
  do {
    char *to = place[live_random(3)];
    snprintf(title, sizeof title, "title %u", live_random(1000000));
    memset(to, 0, TITLE);
    memcpy(to, title, strlen(title));
    move_to(to);
    CHECK(prctl(PR_SET_NAME, title) == 0);
    check();
  } while (live_tick());
  check();
  live_pass();
}
