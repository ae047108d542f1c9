// SPDX-License-Identifier: EPL-2.0
// The outer process of a session: job control, signals and exit status, as a shell does it for its jobs.
//
// The program has a process group of its own. When we are in the terminal's foreground, it is; when it stops, we take
// the terminal back and stop as well, so that the shell above sees a stopped job; when we go on, it goes on.
// In a pipeline ("launch … | less") the terminal stays with our group, which the others share, until the program asks
// for it.
#include "session/outer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/guard.h"
#include "kernel/calls.h"
#include "session/caller.h"
#include "session/link.h"

static bool in_foreground(const struct outer *o) { return o->terminal >= 0 && tcgetpgrp(o->terminal) == getpgrp(); }

static bool is_pipe(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

void outer_prepare(struct outer *o, pid_t attached) {
  *o = (struct outer){.link = -1, .signals = -1, .followed = -1, .terminal = -1, .attached = attached};
  o->attached_fd = attached ? kernel_pidfd_open(attached) : -1;
  if (attached)
    return;
  o->terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  o->pipeline = is_pipe(0) || is_pipe(1);
  o->foreground = in_foreground(o) && !o->pipeline;
}

int outer_follow(struct outer *o, pid_t pid, struct error *e) {
  o->followed = kernel_pidfd_open(pid);
  return o->followed < 0 ? error_set_errno(e, o->followed, "cannot follow process %d", (int)pid) : 0;
}

static void order(struct outer *o, struct link_order order) { (void)send(o->link, &order, sizeof order, MSG_NOSIGNAL); }

// SIGTTOU is blocked, so the terminal can be moved from the background too.
static void give_terminal(struct outer *o) { o->foreground = o->program && tcsetpgrp(o->terminal, o->program) == 0; }

static void take_terminal(struct outer *o) {
  if (o->foreground && o->terminal >= 0)
    (void)tcsetpgrp(o->terminal, getpgrp());
  o->foreground = false;
}

static void go_on(struct outer *o) {
  if (in_foreground(o) && !o->pipeline)
    give_terminal(o);
  order(o, (struct link_order){.what = LINK_CONTINUE});
}

static bool has_word(const struct outer *o) {
  struct pollfd p = {.fd = o->link, .events = POLLIN};
  return poll(&p, 1, 0) > 0;
}

// Stops this process as `signal` would, until it is continued. Returns at once when the kernel will not stop it (its
// process group is orphaned: nobody is there who could continue it).
static void stop_self(int signal) {
  sigset_t one, cont;
  sigemptyset(&one);
  sigaddset(&one, signal);
  sigemptyset(&cont);
  sigaddset(&cont, SIGCONT);
  (void)kill(getpid(), signal);
  sigprocmask(SIG_UNBLOCK, &one, NULL);
  sigprocmask(SIG_BLOCK, &one, NULL);
  (void)sigtimedwait(&cont, NULL, &(struct timespec){0});
}

// While we are stopped the program may be continued or ended behind our back: word from the supervisor wakes us.
static void program_stopped(struct outer *o, int signal) {
  bool wants_terminal = signal == SIGTTIN || signal == SIGTTOU;
  if (wants_terminal && in_foreground(o)) {
    give_terminal(o);
    order(o, (struct link_order){.what = LINK_CONTINUE});
    return;
  }
  take_terminal(o);
  (void)fcntl(o->link, F_SETOWN, getpid());
  (void)fcntl(o->link, F_SETSIG, SIGCONT);
  (void)fcntl(o->link, F_SETFL, O_ASYNC);
  if (!has_word(o))
    stop_self(signal);
  (void)fcntl(o->link, F_SETFL, 0);
  if (!has_word(o))
    go_on(o);
}

typedef void report_function(struct outer *o, const struct link_report *report, struct error *e);

static void on_started(struct outer *o, const struct link_report *report, struct error *e) {
  (void)e;
  o->program = report->program;
  caller_release_descriptors(true);
}
static void on_stopped(struct outer *o, const struct link_report *report, struct error *e) {
  (void)e;
  program_stopped(o, report->status);
}
static void on_continued(struct outer *o, const struct link_report *report, struct error *e) {
  (void)report, (void)e;
  if (in_foreground(o) && !o->pipeline)
    give_terminal(o);
}
static void on_ended(struct outer *o, const struct link_report *report, struct error *e) {
  (void)e;
  o->ended = true;
  o->status = report->status;
}
static void on_failed(struct outer *o, const struct link_report *report, struct error *e) {
  o->failed = true;
  o->exit_status = report->status;
  *e = report->error;
}

static void on_says(struct outer *o, const struct link_report *report, struct error *e) {
  (void)o, (void)e;
  (void)fprintf(stderr, "snapback: %s\n", report->error.text);
}
static void on_finishing(struct outer *o, const struct link_report *report, struct error *e) {
  take_terminal(o);
  on_says(o, report, e);
}

static report_function *const on_report[] = {
    [LINK_STARTED] = on_started, [LINK_STOPPED] = on_stopped, [LINK_CONTINUED] = on_continued, [LINK_ENDED] = on_ended,
    [LINK_FAILED] = on_failed,   [LINK_SAYS] = on_says,       [LINK_FINISHING] = on_finishing,
};

// False: the supervisor has hung up.
static bool receive(struct outer *o, struct error *e) {
  struct link_report report;
  ssize_t n = recv(o->link, &report, sizeof report, MSG_DONTWAIT);
  if (n < 0)
    return errno == EAGAIN || errno == EINTR;
  if (n == sizeof report && report.what <= LINK_FINISHING)
    on_report[report.what](o, &report, e);
  return n > 0;
}

static void on_signal(struct outer *o) {
  struct signalfd_siginfo info;
  if (read(o->signals, &info, sizeof info) != sizeof info)
    return;
  int signal = (int)info.ssi_signo;
  if (signal == SIGCHLD || info.ssi_pid == (uint32_t)getpid())
    return;
  // What the terminal sends is meant for the whole job, what a process sends for the program.
  order(o, (struct link_order){.what = LINK_FORWARD, .signal = signal, .group = info.ssi_code == SI_KERNEL});
}

// What becomes of the program without its supervisor. One that was there before goes on.
static const char *fate_of_program(const struct outer *o) {
  struct pollfd end = {.fd = o->attached_fd, .events = POLLIN};
  if (!o->attached)
    return "the program has ended with it";
  bool has_ended = o->attached_fd < 0 || poll(&end, 1, 0) > 0;
  if (!has_ended && guard_mend(o->journal, o->attached))
    return "the program goes on alone";
  return guard_was_changing(o->journal) ? "the program, which stood in the middle of a rewind, has been ended with it"
                                        : "the program has ended, too";
}

void outer_serve(struct outer *o, struct error *e) {
  sigset_t all;
  sigfillset(&all);
  o->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  struct pollfd fds[] = {
      {.fd = o->link, .events = POLLIN}, {.fd = o->signals, .events = POLLIN}, {.fd = o->followed, .events = POLLIN}};
  for (bool linked = true; linked;) {
    if (poll(fds, 3, -1) < 0 && errno != EINTR)
      break;
    if (fds[2].revents) {
      order(o, (struct link_order){.what = LINK_KILL});
      fds[2].fd = -1;
    }
    if (fds[1].revents)
      on_signal(o);
    if (fds[0].revents)
      linked = receive(o, e);
  }
  // Process 1 of a namespace ends after all others have.
  int status = 0;
  while (waitpid(o->supervisor, &status, 0) < 0 && errno == EINTR)
    ;
  take_terminal(o);
  if (o->ended || o->failed)
    return;
  o->failed = true;
  o->exit_status = 2;
  (void)error_set(e, ERROR_FAILED, "the session's supervisor was ended (%s); %s",
                  WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "without a word", fate_of_program(o));
}

// Ends this process by the same signal, so that a shell above sees what it would have seen; no core file of ours.
static void die_by(int signal) {
  (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0});
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  struct sigaction standard = {.sa_handler = SIG_DFL};
  (void)sigaction(signal, &standard, NULL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  (void)kill(getpid(), signal);
  sigprocmask(SIG_UNBLOCK, &one, NULL);
}

int outer_exit_status(const struct outer *o) {
  if (o->failed)
    return o->exit_status;
  if (!WIFSIGNALED(o->status))
    return WEXITSTATUS(o->status);
  die_by(WTERMSIG(o->status));
  return 128 + WTERMSIG(o->status);
}
