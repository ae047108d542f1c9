// SPDX-License-Identifier: EPL-2.0
// Descriptors of the world outside.
#include "resource/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { ABOVE_STANDARD = 3 };

int outside_open(int number) {
  int fd = fcntl(number >= 0 && number <= 2 ? number : 0, F_DUPFD_CLOEXEC, ABOVE_STANDARD);
  return fd < 0 ? -errno : fd;
}

int outside_open_terminal(int number) {
  if (number >= 0 && number <= 2 && isatty(number))
    return outside_open(number);
  int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  return fd >= 0 ? fd : outside_open(number);
}

static int outside_reopen(const struct descriptor *d) {
  int fd = fcntl(d->lent, F_DUPFD_CLOEXEC, ABOVE_STANDARD);
  return fd < 0 ? -errno : fd;
}

static int outside_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  (void)x, (void)e;
  struct termios now;
  if (d->has_terminal && tcgetattr(d->lent, &now) == 0 && memcmp(&now, &d->terminal, sizeof now) != 0)
    (void)tcsetattr(d->lent, TCSANOW, &d->terminal);
  return 0;
}

const struct descriptor_kind descriptor_outside = {
    .name = "outside",
    .reopen = outside_reopen,
    .restore = outside_restore,
};
