// SPDX-License-Identifier: EPL-2.0
// A counter that also has one thing that snapshots cannot hold yet; its argument says which.
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { UNAVAILABLE = 77 };  // this kernel or user cannot have it

static int have_child(void) {
  int ends[2];
  if (pipe(ends))
    return -1;
  pid_t child = fork();
  if (child == 0) {
    char byte;
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) != 0);
  }
  return child;
}
static int have_zombie(void) {
  pid_t child = fork();
  if (child == 0)
    _exit(0);
  siginfo_t info;
  return waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
}
static int have_unix_socket(void) {
  int ends[2];
  return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}
static int have_packets_behind_reset(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) || send(ends[0], "a", 1, 0) < 0 || send(ends[1], "b", 1, 0) < 0)
    return -1;
  return close(ends[1]);
}
// The bytes of a client that has not been accepted yet.
static int have_early_bytes(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "snapback-live-%d-%u", (int)getpid(), live_random(1000000));
  int listening = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listening, (struct sockaddr *)&name, sizeof name) || listen(listening, 1) ||
      connect(client, (struct sockaddr *)&name, sizeof name))
    return -1;
  return (int)send(client, "early", 5, 0);
}
static int have_internet_socket(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static int have_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, 0); }
static int have_signalfd(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  return signalfd(-1, &set, 0);
}
static int have_inotify(void) { return inotify_init1(0); }
static int have_interval_timer(void) {
  struct itimerval t = {.it_value.tv_sec = 1000};
  return setitimer(ITIMER_REAL, &t, NULL);
}
static int have_posix_timer(void) {
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_NONE};
  struct itimerspec t = {.it_value.tv_sec = 1000};
  if (timer_create(CLOCK_MONOTONIC, &event, &timer))
    return -1;
  return timer_settime(timer, 0, &t, NULL);
}
static int have_pending_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return kill(getpid(), SIGUSR1);
}
static int have_io_uring(void) {
  struct io_uring_params parameters;
  memset(&parameters, 0, sizeof parameters);
  return (int)syscall(SYS_io_uring_setup, 4, &parameters);
}
static int have_pidfd(void) { return (int)syscall(SYS_pidfd_open, getpid(), 0); }
static int have_terminal_pair(void) { return open("/dev/ptmx", O_RDWR | O_NOCTTY); }
static int have_sysv_memory(void) {
  int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
  if (id < 0)
    return -1;
  void *at = shmat(id, NULL, 0);
  shmctl(id, IPC_RMID, NULL);
  return at == (void *)-1 ? -1 : 0;
}
static int have_message_queue(void) {
  char name[64];
  snprintf(name, sizeof name, "/snapback-live-%d-%u", (int)getpid(), live_random(1000000));
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
  if (queue == (mqd_t)-1)
    return -1;
  return mq_unlink(name);
}
static int have_userfaultfd(void) { return (int)syscall(SYS_userfaultfd, 1); }
static int have_secret_memory(void) { return (int)syscall(SYS_memfd_secret, 0); }
static int have_mapped_secret(void) {
  int fd = (int)syscall(SYS_memfd_secret, 0);
  if (fd < 0 || ftruncate(fd, 4096) < 0)
    return -1;
  void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return at == MAP_FAILED ? -1 : 0;
}
static int have_huge_memory_file(void) { return memfd_create("huge", MFD_HUGETLB); }
static int have_perf_event(void) {
  struct perf_event_attr attributes = {
      .type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_PAGE_FAULTS, .exclude_kernel = 1};
  return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}
static int have_fanotify(void) {
  int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, 0);
  return fd < 0 ? -1 : fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, ".");
}
// Of kinds that only root may make, but for the third.
static int have_fanotify_of_open_files(void) { return fanotify_init(FAN_CLASS_NOTIF, 0); }
static int have_fanotify_of_file_system(void) {
  int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, 0);
  return fd < 0 ? -1 : fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD, ".");
}
static int have_fanotify_of_mounts(void) {
  enum { REPORT_MNT = 0x4000 };  // Linux 6.14
  return fanotify_init(FAN_CLASS_NOTIF | REPORT_MNT, 0);
}
static int have_fanotify_of_nameless_file(void) {
  int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, 0);
  return fd < 0 ? -1 : fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "/proc/self/status");
}
static int have_device(void) { return open("/dev/loop-control", O_RDONLY); }
static int have_listened_queue(void) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  char name[64];
  snprintf(name, sizeof name, "/snapback-live-%d-%u", (int)getpid(), live_random(1000000));
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
  return queue < 0 || mq_unlink(name) < 0 ? -1 : mq_notify(queue, &event);
}
static int have_posix_lock(void) {
  int fd = open(".", O_TMPFILE | O_RDWR, 0600);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};
  return fcntl(fd, F_SETLK, &lock);
}
static int have_unforked_memory(void) {
  void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? -1 : madvise(at, 4096, MADV_DONTFORK);
}
static int have_lease(void) {
  char path[64] = "lease-XXXXXX";
  int fd = mkostemp(path, O_CLOEXEC);
  if (fd < 0)
    return -1;
  close(fd);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  int result = fcntl(fd, F_SETLEASE, F_RDLCK);
  return unlink(path) < 0 ? -1 : result;
}
static int have_nothing(void) { return 0; }

static void work(void) {
  volatile uint64_t count = 0;
  do
    CHECK(++count == live_ticks() + 1);
  while (live_tick());
  live_pass();
}

static void *work_alone(void *main_thread) {
  (void)pthread_join(*(pthread_t *)main_thread, NULL);
  live_begin_thread();
  work();
  return NULL;
}
static int have_no_main_thread(void) {
  static pthread_t self;
  pthread_t other;
  self = pthread_self();
  if (pthread_create(&other, NULL, work_alone, &self))
    return -1;
  pthread_exit(NULL);
}

static const struct row {
  const char *name;
  int (*have)(void);
} rows[] = {
    {"nothing", have_nothing},
    {"child", have_child},
    {"zombie", have_zombie},
    {"unix-socket", have_unix_socket},
    {"packets-behind-reset", have_packets_behind_reset},
    {"early-bytes", have_early_bytes},
    {"internet-socket", have_internet_socket},
    {"timerfd", have_timerfd},
    {"signalfd", have_signalfd},
    {"inotify", have_inotify},
    {"interval-timer", have_interval_timer},
    {"posix-timer", have_posix_timer},
    {"pending-signal", have_pending_signal},
    {"io_uring", have_io_uring},
    {"pidfd", have_pidfd},
    {"terminal-pair", have_terminal_pair},
    {"sysv-memory", have_sysv_memory},
    {"message-queue", have_message_queue},
    {"userfaultfd", have_userfaultfd},
    {"posix-lock", have_posix_lock},
    {"unforked-memory", have_unforked_memory},
    {"lease", have_lease},
    {"secret-memory", have_secret_memory},
    {"mapped-secret", have_mapped_secret},
    {"huge-memory-file", have_huge_memory_file},
    {"perf-event", have_perf_event},
    {"fanotify", have_fanotify},
    {"fanotify-open-files", have_fanotify_of_open_files},
    {"fanotify-file-system", have_fanotify_of_file_system},
    {"fanotify-mounts", have_fanotify_of_mounts},
    {"fanotify-nameless-file", have_fanotify_of_nameless_file},
    {"device", have_device},
    {"listened-queue", have_listened_queue},
    {"no-main-thread", have_no_main_thread},
};

int main(int argc, char **argv) {
  const struct row *row = NULL;
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
    if (argc > 1 && strcmp(argv[1], rows[i].name) == 0)
      row = &rows[i];
  if (!row) {
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
      puts(rows[i].name);
    return 2;
  }
  live_begin();
  if (row->have() < 0) {
    fprintf(stderr, "%s: %s\n", row->name, strerror(errno));
    return UNAVAILABLE;
  }
  work();
}
