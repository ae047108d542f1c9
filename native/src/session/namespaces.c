// SPDX-License-Identifier: EPL-2.0
// The namespaces of a session.
#include "session/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "kernel/features.h"

enum { LAST_CAPABILITY = 63, ROOM = 1000 };

static bool may_administrate(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {0};
  return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1u << CAP_SYS_ADMIN));
}

static uint64_t bounding_set(void) {
  uint64_t set = 0;
  for (int cap = 0; cap <= LAST_CAPABILITY; cap++)
    if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
      set |= 1ull << cap;
  return set;
}

static pid_t number_from(const char *path) {
  _cleanup_free_ char *text = NULL;
  if (file_read(path, 64, &text, NULL) < 0)
    return 0;
  return (pid_t)strtol(text, NULL, 10);
}

static bool all_free(pid_t from) {
  for (pid_t n = from; n < from + ROOM; n++)
    if (kill(n, 0) == 0 || errno != ESRCH)
      return false;
  return true;
}

// A start in the upper half of the host's numbers with room behind it: of those, the one that the host, which hands
// out numbers in a circle, will come to last.
static pid_t choose_start(pid_t max) {
  pid_t last = getpid(), windows = (max / 2) / ROOM - 1;
  pid_t first = (last - max / 2) / ROOM - 1;  // the window just behind the host's last number
  for (pid_t k = 0; k < windows; k++) {
    pid_t window = ((first - k) % windows + windows) % windows;
    pid_t start = max / 2 + window * ROOM;
    if (all_free(start))
      return start;
  }
  return max / 2;
}

int namespaces_prepare(struct namespaces *n, bool none, bool host_objects, struct error *e) {
  *n = (struct namespaces){.none = none,
                           .user = !none && !may_administrate(),
                           .objects = !none && !host_objects,
                           .uid = geteuid(),
                           .gid = getegid(),
                           .bounding = bounding_set()};
  n->host_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  n->host_max = number_from("/proc/sys/kernel/pid_max");
  if (n->host_proc < 0 || n->host_max <= 0)
    return error_set(e, ERROR_FAILED, "cannot read /proc/sys/kernel/pid_max; mount /proc first");
  if (!none)
    n->start = choose_start(n->host_max);
  return 0;
}

static pid_t raw_clone(unsigned long flags) { return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0); }

pid_t namespaces_fork(struct namespaces *n, struct error *e) {
  unsigned long flags = n->none ? 0 : CLONE_NEWPID | CLONE_NEWNS | (n->objects ? CLONE_NEWIPC : 0);
  pid_t pid = raw_clone(flags | (n->user ? CLONE_NEWUSER : 0));
  if (pid < 0 && n->none)
    return error_set_errno(e, -errno, "cannot make a process for the session's supervisor");
  if (pid < 0 && errno == EPERM && !n->user) {  // root of a container that may not: as an ordinary user, then
    n->user = true;
    pid = raw_clone(flags | CLONE_NEWUSER);
  }
  if (pid < 0 && errno == EINVAL && n->objects) {  // a kernel without IPC namespaces
    n->objects = false;
    return namespaces_fork(n, e);
  }
  if (pid < 0) {
    char reason[512];
    user_namespace_refusal(-errno, reason, sizeof reason);
    return error_set(e, ERROR_FAILED, "cannot make the namespaces of a session: %s", reason);
  }
  return pid;
}

static int map_user(const struct namespaces *n, struct error *e) {
  _cleanup_free_ char *users = must_format("%u %u 1", (unsigned)n->uid, (unsigned)n->uid);
  _cleanup_free_ char *groups = must_format("%u %u 1", (unsigned)n->gid, (unsigned)n->gid);
  int r = file_write_text("/proc/self/setgroups", "deny");
  if (r == 0)
    r = file_write_text("/proc/self/uid_map", users);
  if (r == 0)
    r = file_write_text("/proc/self/gid_map", groups);
  if (r == 0)
    return 0;
  char reason[512];
  user_namespace_refusal(r, reason, sizeof reason);
  return error_set(e, ERROR_FAILED, "cannot map the user into the session's user namespace: %s", reason);
}

static int mount_proc(struct error *e) {
  char reason[512];
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) {
    if (errno == EINVAL)
      return error_set(e, ERROR_FAILED,
                       "cannot change the mounts of the session: the root folder is no mount, as in a "
                       "chroot; make it one before chroot by 'mount --bind FOLDER FOLDER'");
    user_namespace_refusal(-errno, reason, sizeof reason);
    return error_set(e, ERROR_FAILED, "cannot change the mounts of the session: %s", reason);
  }
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
    return 0;
  proc_mount_refusal(-errno, reason, sizeof reason);
  return error_set(e, ERROR_FAILED, "cannot mount /proc for the session: %s", reason);
}

// Since Linux 6.14 each namespace has a limit of its own, which can lie above the host's: numbers between the two can
// never be a process of the host. They are spread, so that sessions side by side seldom share numbers.
static void start_above_host(struct namespaces *n) {
  pid_t max = number_from("/proc/sys/kernel/pid_max"), host_max = n->host_max;
  if (max - host_max < 2 * ROOM)
    return;
  char self[32] = "";
  (void)readlinkat(n->host_proc, "self", self, sizeof self - 1);
  n->start = host_max + (pid_t)(strtol(self, NULL, 10) % ((max - host_max) / ROOM - 1)) * ROOM + ROOM / 2;
}

// The host's message queues are not those that mq_open(3) makes here. Where there is no such folder, nobody looks.
static void mount_queues(const struct namespaces *n) {
  if (n->objects)
    (void)mount("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static int set_start(struct namespaces *n, struct error *e) {
  start_above_host(n);
  _cleanup_free_ char *text = must_format("%d", (int)n->start);
  int r = file_write_text("/proc/sys/kernel/ns_last_pid", text);
  return r < 0 ? error_set_errno(e, r,
                                 "cannot choose process numbers through /proc/sys/kernel/ns_last_pid (the "
                                 "kernel needs CONFIG_CHECKPOINT_RESTORE, and /proc/sys must be writable)")
               : 0;
}

int namespaces_enter(struct namespaces *n, struct error *e) {
  if (n->none)
    return 0;
  (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if ((n->user && map_user(n, e)) || mount_proc(e) || set_start(n, e))
    return -1;
  mount_queues(n);
  return 0;
}

int namespaces_drop_rights(const struct namespaces *n) {
  if (!n->user)
    return 0;
  // exec drops an ordinary user's capabilities by itself; a root of the namespace would keep the bounding set.
  for (int cap = 0; cap <= LAST_CAPABILITY; cap++)
    if (!(n->bounding & (1ull << cap)) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
      return -errno;
  return 0;
}

pid_t namespaces_host_pid(const struct namespaces *n, pid_t pid) {
  _cleanup_fd_ int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
  if (fd < 0)
    return 0;
  _cleanup_free_ char *path = must_format("self/fdinfo/%d", fd);
  _cleanup_free_ char *text = NULL;
  if (file_read_at(n->host_proc, path, 4096, &text, NULL) < 0)
    return 0;
  const char *line = strstr(text, "Pid:");
  long host = line ? strtol(line + 4, NULL, 10) : 0;
  return host > 0 ? (pid_t)host : 0;
}
