// SPDX-License-Identifier: EPL-2.0
// userfaultfd(2) as a marker of mappings, and the question who bears it; and as a quick way to fill memory.
//
// A mapping registered with an asynchronous write-protect userfaultfd behaves as before, as long as no page is
// protected. A new mapping is not registered, and one that mremap(2) moves loses its registration. So the
// registration tells the mappings that are still those that were registered.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

// The flags of userfaultfd(2) that an unprivileged process may use.
#define USERFAULT_FLAGS (02000000 /* O_CLOEXEC */ | 04000 /* O_NONBLOCK */ | 1 /* UFFD_USER_MODE_ONLY */)

int userfault_set_up(int fd);                                  // 0 or -errno
int userfault_register(int fd, uint64_t start, uint64_t end);  // a range of whole mappings; 0 or -errno
// Whether the mapping bears the mark, by a descriptor of /proc/PID/pagemap. 1: the mapping that starts at `start` is
// registered; 0: it is not; -errno.
int userfault_is_registered(int pagemap, uint64_t start);

// The same system call as a way to give another process pages that it does not have yet, with their contents.
int userfault_set_up_filling(int fd, bool *ret_can_move);
int userfault_register_missing(int fd, uint64_t start, uint64_t end);
int userfault_fill(int fd, uint64_t at, const void *bytes, uint64_t size);  // inside of one registered mapping

// Moving pages within a process, by its own descriptor: the argument of an ioctl(2) of Linux 6.8. Older headers lack
// it.
struct userfault_move {
  uint64_t to, from, size, mode;
  int64_t moved;  // bytes; negative: none
};
#define USERFAULT_MOVE _IOWR(0xAA, 5, struct userfault_move)
