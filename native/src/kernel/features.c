// SPDX-License-Identifier: EPL-2.0
// What this kernel offers, found by trying.
#include "kernel/features.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "kernel/calls.h"
#include "kernel/userfault.h"

enum { PAGE = 4096, MEMORY_LEAST_MIB = 256 };
#define PAGEMAP_EXCLUSIVE (1ull << 56)

// ---- why the kernel refuses ----

static long read_number(const char *path) {
  _cleanup_free_ char *text = NULL;
  return file_read(path, 64, &text, NULL) < 0 ? -1 : strtol(text, NULL, 10);
}

// A setting that forbids what we need, and what to do about it.
static const struct prohibition {
  const char *path;
  long value;
  const char *text;
} prohibitions[] = {
    {"/proc/sys/kernel/unprivileged_userns_clone", 0,
     "user namespaces are forbidden to ordinary users (kernel.unprivileged_userns_clone is 0); allow them by "
     "'sudo sysctl kernel.unprivileged_userns_clone=1'"},
    {"/proc/sys/user/max_user_namespaces", 0,
     "user namespaces are forbidden (user.max_user_namespaces is 0); allow them by "
     "'sudo sysctl user.max_user_namespaces=10000'"},
    {"/proc/sys/user/max_pid_namespaces", 0,
     "process-number namespaces are forbidden (user.max_pid_namespaces is 0); allow them by "
     "'sudo sysctl user.max_pid_namespaces=10000'"},
    {"/proc/sys/user/max_mnt_namespaces", 0,
     "mount namespaces are forbidden (user.max_mnt_namespaces is 0); allow them by "
     "'sudo sysctl user.max_mnt_namespaces=10000'"},
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1,
     "AppArmor forbids user namespaces to programs without a profile "
     "(kernel.apparmor_restrict_unprivileged_userns is 1); allow them by "
     "'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0' or give snapback a profile with the rule 'userns,'"},
};

void user_namespace_refusal(int error, char *ret, size_t size) {
  for (size_t i = 0; i < sizeof prohibitions / sizeof *prohibitions; i++)
    if (read_number(prohibitions[i].path) == prohibitions[i].value) {
      (void)snprintf(ret, size, "%s", prohibitions[i].text);
      return;
    }
  if (error == -ENOSPC || error == -EUSERS)
    (void)snprintf(ret, size,
                   "the limit of namespaces is reached (see /proc/sys/user/max_*_namespaces); end some "
                   "sessions or containers, or raise it by 'sudo sysctl user.max_user_namespaces=10000'");
  else if (error == -EPERM || error == -EACCES)
    (void)snprintf(ret, size,
                   "user namespaces are forbidden here (%s), by a container's seccomp filter or in a "
                   "chroot; start the container with '--security-opt seccomp=unconfined' or run as root "
                   "with CAP_SYS_ADMIN",
                   strerror(-error));
  else if (error == -EINVAL)
    (void)snprintf(ret, size,
                   "this kernel was built without user or process-number namespaces (CONFIG_USER_NS, "
                   "CONFIG_PID_NS); run snapback as root or use another kernel");
  else
    (void)snprintf(ret, size, "%s", strerror(-error));
}

void proc_mount_refusal(int error, char *ret, size_t size) {
  if (error == -EPERM)
    (void)snprintf(ret, size,
                   "parts of /proc are masked, as containers do, so the kernel refuses a new one; start the "
                   "container with '--security-opt systempaths=unconfined' (Docker, Podman: unmask=ALL)");
  else
    user_namespace_refusal(error, ret, size);
}

// ---- probes in namespaces of their own ----

// How far a child gets in new namespaces; `result` says why not further.
enum stage { STAGE_CLONE, STAGE_MAP, STAGE_MOUNTS, STAGE_PROC, STAGE_NUMBER, STAGE_ALL };
struct attempt {
  enum stage stage;
  int result;
};

static int map_self(uid_t uid, gid_t gid) {
  _cleanup_free_ char *users = must_format("%u %u 1", (unsigned)uid, (unsigned)uid);
  _cleanup_free_ char *groups = must_format("%u %u 1", (unsigned)gid, (unsigned)gid);
  int r = file_write_text("/proc/self/setgroups", "deny");
  if (r == 0)
    r = file_write_text("/proc/self/uid_map", users);
  return r < 0 ? r : file_write_text("/proc/self/gid_map", groups);
}

static int choose_number(void) {
  enum { WANTED = 12345 };
  int r = kernel_set_last_pid(WANTED - 1);
  if (r < 0)
    return r;
  pid_t pid = fork();
  if (pid == 0)
    _exit(0);
  (void)waitpid(pid, NULL, 0);
  return pid == WANTED ? 0 : -EINVAL;
}

static struct attempt try_stages(bool user, uid_t uid, gid_t gid) {
  int r = user ? map_self(uid, gid) : 0;
  if (r < 0)
    return (struct attempt){STAGE_MAP, r};
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
    return (struct attempt){STAGE_MOUNTS, -errno};
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
    return (struct attempt){STAGE_PROC, -errno};
  r = choose_number();
  return r < 0 ? (struct attempt){STAGE_NUMBER, r} : (struct attempt){STAGE_ALL, 0};
}

static struct attempt try_clone(unsigned long user_flag) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC))
    return (struct attempt){STAGE_CLONE, -errno};
  _cleanup_fd_ int in = ends[0], out = ends[1];
  uid_t uid = geteuid();
  gid_t gid = getegid();
  pid_t pid = (pid_t)syscall(SYS_clone, user_flag | CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
  if (pid < 0)
    return (struct attempt){STAGE_CLONE, -errno};
  struct attempt attempt = {STAGE_CLONE, -EIO};
  if (pid == 0) {
    attempt = try_stages(user_flag != 0, uid, gid);
    (void)fd_write_all(out, &attempt, sizeof attempt);
    _exit(0);
  }
  (void)close(fd_take(&out));
  (void)fd_read_all(in, &attempt, sizeof attempt);
  (void)waitpid(pid, NULL, 0);
  return attempt;
}

// Root needs no user namespace, unless it is the root of a container.
static struct attempt try_namespaces(void) {
  struct attempt attempt = geteuid() == 0 ? try_clone(0) : (struct attempt){STAGE_CLONE, -EPERM};
  if (attempt.stage == STAGE_CLONE)
    attempt = try_clone(CLONE_NEWUSER);
  return attempt;
}

static bool probe_namespaces(char *detail, size_t size) {
  struct attempt attempt = try_namespaces();
  if (attempt.stage > STAGE_MOUNTS)
    return true;
  user_namespace_refusal(attempt.result, detail, size);
  return false;
}

static bool probe_proc(char *detail, size_t size) {
  struct attempt attempt = try_namespaces();
  if (attempt.stage == STAGE_PROC)
    proc_mount_refusal(attempt.result, detail, size);
  return attempt.stage > STAGE_PROC;
}

static bool probe_numbers(char *detail, size_t size) {
  struct attempt attempt = try_namespaces();
  if (attempt.stage == STAGE_NUMBER)
    (void)snprintf(detail, size, "/proc/sys/kernel/ns_last_pid: %s; a kernel with CONFIG_CHECKPOINT_RESTORE is needed",
                   strerror(-attempt.result));
  return attempt.stage > STAGE_NUMBER;
}

// ---- probes with a child ----

// A child that only waits to be ended.
static pid_t idle_child(void) {
  pid_t pid = fork();
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      (void)pause();
  }
  return pid;
}

static void end_child(pid_t pid) {
  (void)kill(pid, SIGKILL);
  (void)waitpid(pid, NULL, __WALL);
}

static bool seize(pid_t pid) {
  int status;
  return ptrace(PTRACE_SEIZE, pid, 0, 0) == 0 && ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 &&
         waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
}

static bool probe_ptrace(char *detail, size_t size) {
  pid_t pid = idle_child();
  bool works = pid > 0 && seize(pid);
  if (pid > 0)
    end_child(pid);
  long scope = read_number("/proc/sys/kernel/yama/ptrace_scope");
  if (scope >= 0)
    (void)snprintf(detail, size, "Yama's ptrace_scope is %ld%s", scope,
                   works ? "" : "; set it to 1 by 'sudo sysctl kernel.yama.ptrace_scope=1'");
  else if (!works)
    (void)snprintf(detail, size, "ptrace is forbidden here; allow it in the container's seccomp profile");
  return works;
}

// As whoever attaches, one that is no ancestor of the process: Yama may forbid it.
static bool probe_attach(char *detail, size_t size) {
  int status = -1;
  pid_t target = idle_child(), tracer = fork();
  if (tracer == 0)
    _exit(ptrace(PTRACE_SEIZE, target, 0, 0) < 0);
  if (tracer > 0)
    (void)waitpid(tracer, &status, 0);
  if (target > 0)
    end_child(target);
  bool works = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  long scope = read_number("/proc/sys/kernel/yama/ptrace_scope");
  if (!works && scope > 0)
    (void)snprintf(detail, size, "Yama's ptrace_scope is %ld; allow it by 'sudo sysctl kernel.yama.ptrace_scope=0'",
                   scope);
  return works;
}

static bool probe_rseq(char *detail, size_t size) {
  (void)detail, (void)size;
  struct rseq_configuration configuration;
  pid_t pid = idle_child();
  bool works = pid > 0 && seize(pid) &&
               ptrace((enum __ptrace_request)KERNEL_PTRACE_GET_RSEQ, pid, sizeof configuration, &configuration) > 0;
  if (pid > 0)
    end_child(pid);
  return works;
}

static bool probe_pidfd_getfd(char *detail, size_t size) {
  pid_t pid = idle_child();
  int pidfd = kernel_pidfd_open(pid), fd = pidfd < 0 ? pidfd : kernel_pidfd_getfd(pidfd, 2);
  if (fd < 0)
    (void)snprintf(detail, size, "%s", strerror(-fd));
  if (fd >= 0)
    (void)close(fd);
  if (pidfd >= 0)
    (void)close(pidfd);
  if (pid > 0)
    end_child(pid);
  return fd >= 0;
}

static bool probe_kcmp(char *detail, size_t size) {
  pid_t pid = idle_child();
  int r = kernel_same_file(getpid(), 2, pid, 2);
  if (r < 0)
    (void)snprintf(detail, size, "%s", strerror(-r));
  if (pid > 0)
    end_child(pid);
  return r == 0;
}

// ---- probes of memory ----

static uint64_t pagemap_entry(int pagemap, const void *page) {
  uint64_t entry = 0;
  (void)fd_pread_all(pagemap, &entry, sizeof entry, (off_t)((uintptr_t)page / PAGE * sizeof entry));
  return entry;
}

// A page is exclusive before a fork, shared while the child lives.
static bool probe_exclusive(char *detail, size_t size) {
  (void)detail, (void)size;
  _cleanup_fd_ int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  volatile char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pagemap < 0 || page == MAP_FAILED)
    return false;
  *page = 1;
  uint64_t alone = pagemap_entry(pagemap, (const void *)page);
  pid_t pid = idle_child();
  uint64_t shared = pagemap_entry(pagemap, (const void *)page);
  if (pid > 0)
    end_child(pid);
  (void)munmap((void *)page, PAGE);
  return pid > 0 && (alone & PAGEMAP_EXCLUSIVE) && !(shared & PAGEMAP_EXCLUSIVE);
}

static bool probe_scan(char *detail, size_t size) {
  (void)detail, (void)size;
  _cleanup_fd_ int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  volatile char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pagemap < 0 || page == MAP_FAILED)
    return false;
  (void)*page;  // reading maps the zero page
  struct page_run run;
  uint64_t walked, at = (uint64_t)(uintptr_t)page;
  long n = kernel_scan_zero_pages(pagemap, at, at + PAGE, &run, 1, &walked);
  (void)munmap((void *)page, PAGE);
  return n == 1;
}

static bool probe_moved(char *detail, size_t size) {
  _cleanup_fd_ int fd = (int)syscall(SYS_userfaultfd, USERFAULT_FLAGS);
  int r = fd < 0 ? -errno : userfault_set_up(fd);
  if (r < 0)
    (void)snprintf(detail, size, "%s", strerror(-r));
  return r == 0;
}

static bool probe_tid_address(char *detail, size_t size) {
  int *address = NULL;
  if (prctl(KERNEL_PR_GET_TID_ADDRESS, &address, 0, 0, 0) == 0)
    return true;
  (void)snprintf(detail, size, "%s; a kernel with CONFIG_CHECKPOINT_RESTORE is needed", strerror(errno));
  return false;
}

static bool probe_memfd(char *detail, size_t size) {
  (void)detail, (void)size;
  _cleanup_fd_ int fd = memfd_create("probe", MFD_CLOEXEC);
  return fd >= 0;
}

static bool probe_memory_fields(char *detail, size_t size) {
  (void)detail, (void)size;
  return kernel_sets_memory_fields();
}

static bool probe_huge_pages(char *detail, size_t size) {
  _cleanup_free_ char *text = NULL;
  _cleanup_fd_ int fd = (int)syscall(SYS_userfaultfd, USERFAULT_FLAGS);
  bool moves = false;
  if (fd < 0 || userfault_set_up_filling(fd, &moves) < 0 || !moves)
    return false;
  bool given =
      file_read("/sys/kernel/mm/transparent_hugepage/enabled", 256, &text, NULL) == 0 && !strstr(text, "[never]");
  if (!given)
    (void)snprintf(detail, size, "switched off in /sys/kernel/mm/transparent_hugepage/enabled");
  return given;
}

static bool probe_clocks(char *detail, size_t size) {
  (void)detail, (void)size;
  return access("/proc/self/ns/time_for_children", F_OK) == 0;
}

static bool probe_memory(char *detail, size_t size) {
  _cleanup_free_ char *text = NULL;
  const char *line = file_read("/proc/meminfo", 64 * 1024, &text, NULL) < 0 ? NULL : strstr(text, "MemAvailable:");
  long mib = line ? strtol(line + strlen("MemAvailable:"), NULL, 10) / 1024 : 0;
  bool strict = read_number("/proc/sys/vm/overcommit_memory") == 2;
  (void)snprintf(detail, size, "%ld MiB are available%s", mib,
                 strict ? "; vm.overcommit_memory is 2: each snapshot counts as if all its memory were its own" : "");
  return mib >= MEMORY_LEAST_MIB;
}

static bool probe_processes(char *detail, size_t size) {
  struct rlimit limit = {0};
  (void)getrlimit(RLIMIT_NPROC, &limit);
  if (limit.rlim_cur == RLIM_INFINITY)
    (void)snprintf(detail, size, "no limit");
  else
    (void)snprintf(detail, size, "at most %llu of this user (ulimit -u)", (unsigned long long)limit.rlim_cur);
  return limit.rlim_cur >= 64;
}

const struct feature features[] = {
    {"namespaces", "user, process-number and mount namespaces: a session of its own, without root",
     "nothing: sessions need them", true, probe_namespaces},
    {"proc-mount", "a /proc that shows the session's own process numbers", "nothing: sessions need it", true,
     probe_proc},
    {"process-numbers", "ns_last_pid: threads and processes come back under their old numbers",
     "nothing: sessions need it", true, probe_numbers},
    {"ptrace", "an ancestor stops and inspects the program", "nothing: snapshots need it", true, probe_ptrace},
    {"attach", "running processes can be taken under control (attach, gdb --host-pids)",
     "programs have to be started by snapback", false, probe_attach},
    {"tid-address", "PR_GET_TID_ADDRESS: the address that a thread clears when it ends",
     "nothing: snapshots of threads need it", true, probe_tid_address},
    {"rseq", "PTRACE_GET_RSEQ_CONFIGURATION: a thread's restartable sequences",
     "nothing: such a kernel has no registration to bring back", false, probe_rseq},
    {"pidfd-getfd", "descriptors are brought back from a snapshot", "nothing: rewinds need it", true,
     probe_pidfd_getfd},
    {"kcmp", "tells whether two descriptors are one open file", "nothing: rewinds need it", true, probe_kcmp},
    {"exclusive-pages", "bit 56 of pagemap: finds the pages changed since a snapshot", "pages are compared", false,
     probe_exclusive},
    {"pagemap-scan", "PAGEMAP_SCAN: finds untouched zero pages", "pages are compared", false, probe_scan},
    {"moved-pages", "userfaultfd, asynchronous: notices memory that the program has moved", "pages are compared", false,
     probe_moved},
    {"memfd", "gdb's commands travel without a file", "nothing: snapback gdb needs it", true, probe_memfd},
    {"memory-fields", "PR_SET_MM_MAP: a program from an image has its heap and stack where they were",
     "nothing: restarts need it", false, probe_memory_fields},
    {"huge-pages", "transparent ones and UFFDIO_MOVE: large memory comes back from an image in half the time",
     "small pages", false, probe_huge_pages},
    {"time-namespaces", "the monotonic clock of a program from an image goes on where it was",
     "it jumps to that of this machine", false, probe_clocks},
    {"memory", "room for snapshots", "snapshots that do not fit are refused", false, probe_memory},
    {"processes", "each snapshot is a process", "snapshots beyond the limit are refused", false, probe_processes},
};
const size_t feature_count = sizeof features / sizeof *features;
