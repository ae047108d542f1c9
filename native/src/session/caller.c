// SPDX-License-Identifier: EPL-2.0
// What our own processes change of the state they inherit, and how the program gets it as the caller left it.
#include "session/caller.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

static void fill_standard_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      (void)open("/dev/null", O_RDWR | O_CLOEXEC);  // gets the lowest free number: this one
}

static void raise_limit_of_files(struct rlimit *ret_old) {
  if (getrlimit(RLIMIT_NOFILE, ret_old))
    *ret_old = (struct rlimit){0};
  else
    (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){ret_old->rlim_max, ret_old->rlim_max});
}

void caller_save(struct caller *c) {
  fill_standard_descriptors();
  raise_limit_of_files(&c->files);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &c->mask);
  sigemptyset(&c->ignored);
  for (int signal = 1; signal <= SIGRTMAX; signal++) {
    struct sigaction old;
    if (sigaction(signal, NULL, &old) || old.sa_handler != SIG_IGN)
      continue;
    sigaddset(&c->ignored, signal);
    (void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
  }
}

void caller_restore(const struct caller *c) {
  for (int signal = 1; signal <= SIGRTMAX; signal++) {
    struct sigaction action = {.sa_handler = sigismember(&c->ignored, signal) == 1 ? SIG_IGN : SIG_DFL};
    (void)sigaction(signal, &action, NULL);
  }
  if (c->files.rlim_max)
    (void)setrlimit(RLIMIT_NOFILE, &c->files);
  sigprocmask(SIG_SETMASK, &c->mask, NULL);
}

static void replace_by_null(int fd) {
  _cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0)
    (void)dup3(null, fd, O_CLOEXEC);
}

void caller_release_descriptors(bool keep_error) {
  replace_by_null(0);
  replace_by_null(1);
  if (!keep_error)
    replace_by_null(2);
  _cleanup_dir_ DIR *dir = opendir("/proc/self/fd");
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    int fd = atoi(entry->d_name), flags = fcntl(fd, F_GETFD);
    if (fd > 2 && flags >= 0 && !(flags & FD_CLOEXEC))
      (void)close(fd);
  }
}
