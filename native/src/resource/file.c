// SPDX-License-Identifier: EPL-2.0
// Descriptors of regular files, directories, memory files, terminals and the harmless devices.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "resource/descriptors.h"
#include "resource/proc_file.h"
#include "resource/refusal.h"

// Devices whose open file has no state of its own, by major number (Documentation/admin-guide/devices.txt).
static bool is_plain_device(dev_t device) {
  unsigned number = major(device);
  if (number == 5)
    return minor(device) != 2;  // tty and console, but not ptmx: its other end is the program's own
  return number == 1 || number == 4 || (number >= 136 && number <= 143);
}

static bool file_matches(const struct descriptor *d) {
  if (d->link[0] != '/' || (!(d->info.flags & O_PATH) && refusal_knows_file(d)))
    return false;
  return S_ISREG(d->stat.st_mode) || S_ISDIR(d->stat.st_mode) ||
         (S_ISCHR(d->stat.st_mode) && is_plain_device(d->stat.st_rdev)) || (d->info.flags & O_PATH);
}

static int file_capture(pid_t pid, struct descriptors *all, struct descriptor *d, struct error *e) {
  (void)all, (void)e;
  d->is_of_ended = proc_file_has_process(d->link) && proc_file_is_of_ended(pid, d);
  if (!S_ISCHR(d->stat.st_mode) || major(d->stat.st_rdev) == 1)
    return 0;
  _cleanup_fd_ int fd = pin_open(d->pin, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  d->has_terminal = fd >= 0 && tcgetattr(fd, &d->terminal) == 0;
  return 0;
}

static bool file_same(const struct descriptor *then, const struct descriptor *now) {
  if (strncmp(then->link, "/proc/", 6) == 0 && strcmp(then->link, now->link) == 0)
    return true;
  return then->stat.st_dev == now->stat.st_dev && then->stat.st_ino == now->stat.st_ino &&
         then->stat.st_rdev == now->stat.st_rdev;
}

static int file_reopen(const struct descriptor *d) {
  // Not O_DIRECTORY, which is part of O_TMPFILE: the pin knows what it is.
  enum { KEPT = O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_SYNC | O_NOATIME | O_PATH };
  int fd = proc_file_has_process(d->link) ? proc_file_open(d) : pin_open(d->pin, (d->info.flags & KEPT) | O_NOCTTY);
  if (fd >= 0 && !S_ISCHR(d->stat.st_mode) && d->info.position)
    (void)lseek(fd, d->info.position, SEEK_SET);
  return fd;
}

// A terminal in the mode that it had: a line editor and a running program want different ones.
static int file_restore(struct executor *x, const struct descriptor *d, struct error *e) {
  (void)x, (void)e;
  if (!d->has_terminal)
    return 0;
  _cleanup_fd_ int fd = pin_open(d->pin, O_RDONLY | O_NOCTTY | O_NONBLOCK);
  struct termios now;
  if (fd >= 0 && tcgetattr(fd, &now) == 0 && memcmp(&now, &d->terminal, sizeof now) != 0)
    (void)tcsetattr(fd, TCSANOW, &d->terminal);
  return 0;
}

const struct descriptor_kind descriptor_file = {
    .name = "file",
    .matches = file_matches,
    .capture = file_capture,
    .same = file_same,
    .reopen = file_reopen,
    .restore = file_restore,
    .settle = proc_file_settle,
};
