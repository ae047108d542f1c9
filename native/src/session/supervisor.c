// SPDX-License-Identifier: EPL-2.0
// The supervisor: the first process of the session's namespaces. One thread, one poll loop; it reaps, serves the
// control socket and does what the outer process orders. When it ends, the kernel ends everything in the session.
#include "session/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "session/attached.h"
#include "session/messages.h"
#include "session/redraw.h"
#include "session/text.h"

enum { LAST_WORDS_MS = 1000, PATIENCE_MS = 3000 };

struct engine *session_engine(struct session *s) {
  return s->engine;
}
struct loop *session_loop(struct session *s) {
  return s->loop;
}
const struct session_options *session_options(struct session *s) { return s->options; }
void *session_data(struct session *s) { return s->data; }
void session_set_data(struct session *s, void *data) { s->data = data; }

void session_state_changed(struct session *s) {
  struct session_facts facts = {0};
  s->kind->facts(s, &facts);
  if (facts.state == s->told.state && facts.program == s->told.program)
    return;
  s->told = facts;
  tell_state(s, &facts);
}

void supervisor_report(struct session *s, const struct link_report *report) {
  (void)send(s->link, report, sizeof *report, MSG_NOSIGNAL);
}

// ---- the outer process's death ----

// Only for the handler: what must be done however busy the supervisor is.
static struct session *dying;

static bool orphaned(const struct session *s) {
  struct pollfd p = {.fd = s->link, .events = POLLRDHUP};
  return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP));
}

// The kernel sends this when the outer process dies; anybody else's is ignored.
static void on_parent_death(int signal) {
  (void)signal;
  int saved = errno;
  if (dying && orphaned(dying)) {
    address_unlink(dying->address);
    if (!dying->options->attach)  // else the program may be held, and has to be let go
      _exit(0);
  }
  errno = saved;
}

// The signal stays blocked until heed_parent.
static void follow_parent(struct session *s) {
  dying = s;
  struct sigaction action = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};
  (void)sigaction(SIGTERM, &action, NULL);
  (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
}

static void heed_parent(struct session *s) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGTERM);
  sigprocmask(SIG_UNBLOCK, &one, NULL);
  if (orphaned(s)) {
    address_unlink(s->address);
    _exit(0);
  }
}

// ---- children ----

static void forget_lost(struct session *s, const struct snapshot *lost) {
  for (unsigned i = 0; lost && i < s->count; i++)
    if (s->kind->holds(s->entries[i], lost)) {
      (void)session_delete(s, s->entries[i]->id, NULL);
      return;
    }
}

static void on_first(struct session *s, int status) {
  if (WIFSTOPPED(status))
    supervisor_report(s, &(struct link_report){.what = LINK_STOPPED, .status = WSTOPSIG(status)});
  else if (WIFCONTINUED(status))
    supervisor_report(s, &(struct link_report){.what = LINK_CONTINUED});
}

static void on_child(struct session *s, pid_t pid, int status) {
  struct snapshot *lost = NULL;
  bool ended = WIFEXITED(status) || WIFSIGNALED(status);
  if (ended && engine_reaped(s->engine, pid, status, &lost)) {
    forget_lost(s, lost);
    return;
  }
  if (!ended && (engine_owns(s->engine, pid) || (WIFSTOPPED(status) && engine_let_go(pid, status))))
    return;
  if (pid == s->first)
    on_first(s, status);
  if (s->kind->child(s, pid, status)) {
    s->over = true;
    s->status = status;
    return;
  }
  session_state_changed(s);
}

static void reap(void *data, short revents) {
  (void)revents;
  struct session *s = data;
  struct signalfd_siginfo info;
  int fd = s->child_signals;
  while (read(fd, &info, sizeof info) == sizeof info)
    ;
  int status;
  for (pid_t pid; !s->over && (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED | __WALL)) > 0;)
    on_child(s, pid, status);
}

// ---- the outer process's orders ----

// Sends a signal to the first process (or its group). A program that a failed rewind has lost is nowhere: then what
// would have ended it ends the session.
static void signal_first(struct session *s, int signal, bool group) {
  bool ends = signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP;
  if (s->over) {
    s->ends_at_once = s->ends_at_once || ends;
    return;
  }
  if (s->first <= 0 || kill(group ? -s->first : s->first, signal) == 0 || errno != ESRCH || !ends)
    return;
  s->over = true;
  s->status = signal;  // as waitpid tells of a process that it has ended
}

void supervisor_kill(struct session *s) {
  s->ends_at_once = true;
  if (s->options->attach)
    attached_kill(s);
  else
    signal_first(s, SIGKILL, false);
}

static void lose_patience(void *data) { supervisor_kill(data); }

static void forward(struct session *s, const struct link_order *order) {
  signal_first(s, order->signal, order->group);
  // A program may do with these what it likes. A debugger ends, unless it is stuck: then nobody could end it any more.
  bool end = order->signal == SIGHUP || order->signal == SIGTERM;
  if (end && s->kind->number == SESSION_DEBUGGER && !s->asked_to_end) {
    s->asked_to_end = true;
    (void)loop_alarm(s->loop, PATIENCE_MS, lose_patience, s);
  }
}

static void lose_outer(struct session *s) {
  address_unlink(s->address);
  if (!s->options->attach)
    _exit(0);
  s->ends_at_once = true;
  attached_let_go(s);
}

static void on_order(void *data, short revents) {
  struct session *s = data;
  struct link_order order;
  ssize_t n = recv(s->link, &order, sizeof order, MSG_DONTWAIT);
  if (n == 0 || (n < 0 && (revents & POLLHUP)))
    lose_outer(s);
  if (n != sizeof order || s->first <= 0)
    return;
  if (s->options->attach)
    attached_order(s, &order);
  else if (order.what == LINK_KILL)
    supervisor_kill(s);
  else if (order.what == LINK_CONTINUE)
    signal_first(s, SIGCONT, true);
  else if (order.signal > 0)
    forward(s, &order);
}

// ---- from start to end ----

_Noreturn static void fail(struct session *s, const struct error *e) {
  struct link_report message = {.what = LINK_FAILED, .status = s->start_status, .error = *e};
  supervisor_report(s, &message);
  address_unlink(s->address);
  _exit(0);
}

static void watch_children(struct session *s) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  s->child_signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  (void)loop_watch(s->loop, s->child_signals, POLLIN, reap, s);
}

static void last_words_over(void *data) { *(bool *)data = true; }

static void say_goodbye(struct session *s) {
  bool over = false;
  tell_ended(s, s->status);
  (void)loop_alarm(s->loop, LAST_WORDS_MS, last_words_over, &over);
  while (!over && !clients_flushed(s) && loop_round(s->loop) == 0)
    ;
}

// What stands there because it was closed bears the mark of caller_save.
static void look_outside(struct session *s) {
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) || fstat(fd, &s->outside[fd]) < 0)
      s->outside[fd] = (struct stat){0};
}

static void describe(struct session *s) {
  char *directory = getcwd(NULL, 0);
  s->start_folder = directory ? directory : must_strdup("?");
  s->working_directory = text_clean(must_strdup(s->start_folder));
  while (s->options->command[s->command_length])
    s->command_length++;
  s->command = must_alloc(s->command_length * sizeof *s->command);
  for (size_t i = 0; i < s->command_length; i++)
    s->command[i] = text_clean(must_strdup(s->options->command[i]));
}

// What a namespace would end with the session is undone one by one.
static void release_host(struct session *s) {
  for (unsigned i = 0; i < s->count; i++)
    s->kind->drop(s, s->entries[i]);
  engine_release(s->engine);
  if (s->options->attach)
    s->status = 0;  // it is not our child
}

static void prepare(struct session *s) {
  (void)setpgid(0, 0);
  follow_parent(s);
  char self[32] = "";
  (void)readlinkat(s->namespaces.host_proc, "self", self, sizeof self - 1);
  s->host_pid = (pid_t)strtol(self, NULL, 10);
  s->started_ms = now_utc_ms();
  look_outside(s);
  describe(s);
  s->autos = s->options->autos;
  if (!s->autos.cap)
    s->autos.cap = AUTO_CAP_DEFAULT;
}

void supervisor_run(struct session *s) {
  struct error e = {0};
  s->start_status = 2;
  prepare(s);
  const struct session_options *o = s->options;
  // First the namespaces: before that, this user's number is not known here.
  if (namespaces_enter(&s->namespaces, &e) || address_claim(s->address, o->name, o->base, o->control, &e))
    fail(s, &e);
  heed_parent(s);
  s->loop = loop_new();
  s->engine = engine_new();
  if (o->rewinds_files)
    engine_rewind_files(s->engine);
  if (s->namespaces.objects)
    engine_hold_system_v(s->engine);
  watch_children(s);
  clients_prepare(s);
  (void)loop_watch(s->loop, s->link, POLLIN, on_order, s);
  if (s->kind->start(s, &e))
    fail(s, &e);
  caller_release_descriptors(false);
  supervisor_report(s, &(struct link_report){.what = LINK_STARTED, .program = session_host_pid(s, s->first)});
  clients_open(s);
  session_state_changed(s);
  images_begin(s);
  while (!s->over && loop_round(s->loop) == 0)
    ;
  session_end_redraw(s);
  savings_finish(s);
  // Nobody can reach the session from here on.
  address_unlink(s->address);
  savings_close(s);
  if (o->on_host)
    release_host(s);
  say_goodbye(s);
  s->kind->close(s);
  supervisor_report(s, &(struct link_report){.what = LINK_ENDED, .status = s->status});
  _exit(0);
}
