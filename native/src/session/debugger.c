// SPDX-License-Identifier: EPL-2.0
// The kind of session that `snapback gdb` makes: gdb, and the program that it debugs.
#include "session/debugger.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "gdb_commands.h"
#include "session/debugger_image.h"
#include "session/debugger_state.h"

static const struct debugger_options *debugger_options_of(struct session *s) {
  return session_options(s)->kind_options;
}

// gdb's Python as a file that no other process can find.
static int open_script(struct error *e) {
  _cleanup_fd_ int fd = memfd_create("snapback.py", MFD_CLOEXEC);
  if (fd < 0)
    return error_set_errno(e, -errno, "cannot make a memory file for gdb's commands");
  int r = fd_write_all(fd, gdb_commands, sizeof gdb_commands - 1);
  if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
    return error_set_errno(e, r < 0 ? r : -errno, "cannot write gdb's commands");
  return fd_take(&fd);
}

// gdb's own arguments, with ours before them. The caller frees the array.
static char **arguments_of(char *const *command, char *script, bool rewinds) {
  enum { OURS = 4 };
  size_t count = 0, at = 0;
  while (command[count])
    count++;
  char **list = must_alloc((count + OURS + 1) * sizeof *list);
  list[at++] = command[0];
  if (script) {
    list[at++] = "-iex";
    list[at++] = script;
  }
  if (rewinds) {
    list[at++] = "-ex";
    list[at++] = "rewind";
  }
  memcpy(list + at, command + 1, count * sizeof *list);
  return list;
}

static int spawn(struct session *s, struct debugger *d, const int keep[3], struct error *e) {
  _cleanup_free_ char *script =
      must_format("python import os; exec(compile(os.fdopen(%d, 'rb').read(), 'snapback.py', 'exec'), "
                  "dict(__name__='snapback', CALL=%d, ORDER=%d))",
                  keep[0], keep[1], keep[2]);
  const struct debugger_options *options = debugger_options_of(s);
  _cleanup_free_ char **arguments =
      arguments_of(session_options(s)->command, options->has_python ? script : NULL, options->image);
  int r = session_spawn(s, arguments, keep, options->has_python ? 3 : 0, &d->pid, e);
  if (r == 0 && session_options(s)->on_host)
    engine_use_host(session_engine(s), d->pid);
  return r;
}

static void hear(void *data, short revents) {
  struct debugger *d = data;
  (void)revents;
  int r = channel_receive(&d->call);
  struct fields call;
  while (channel_next(&d->call, &call)) {
    debugger_hear(d, &call);
    fields_done(&call);
  }
  if (r == 0)
    return;
  watch_free(d->watch);
  d->watch = NULL;
}

static int start_new(struct session *s, struct debugger *d, const int channel[2], struct error *e) {
  _cleanup_fd_ int script = open_script(e);
  if (script < 0 || (debugger_options_of(s)->image && debugger_open_image(s, e) < 0))
    return -1;
  const int keep[3] = {script, channel[0], channel[1]};
  memcpy(d->channel_numbers, channel, sizeof d->channel_numbers);
  return spawn(s, d, keep, e);
}

static int start(struct session *s, struct error *e) {
  struct debugger *d = must_alloc(sizeof *d);
  *d = (struct debugger){.session = s, .state = SESSION_STARTING, .call.fd = -1, .order_channel.fd = -1};
  session_set_data(s, d);
  _cleanup_fd_ int call = -1, order = -1;
  int r = channel_open(&d->call, &call);
  if (r == 0)
    r = channel_open(&d->order_channel, &order);
  if (r < 0)
    return error_set_errno(e, r, "cannot make a socket pair to gdb");
  const int channel[2] = {call, order};
  if ((debugger_options_of(s)->is_in_image ? debugger_restart(s, channel, e) : start_new(s, d, channel, e)) < 0)
    return -1;
  d->watch = loop_watch(session_loop(s), d->call.fd, POLLIN, hear, d);
  if (!debugger_options_of(s)->has_python)
    d->state = SESSION_IDLE;
  return 0;
}

// ---- requests ----

static int refuse_without_python(struct session *s, struct error *e) {
  const struct debugger_options *options = debugger_options_of(s);
  if (options->has_python)
    return 0;
  return error_set(e, ERROR_REFUSED,
                   "%s was built without Python, through which snapshots are taken: name another with --gdb PATH",
                   options->path);
}

static void ask(struct session *s, struct request *r) {
  struct error e = {0};
  if (refuse_without_python(s, &e) < 0)
    request_failed(r, &e);
  else
    order_give(session_data(s), r);
}

static void cancel(struct session *s, struct request *r) {
  (void)r;
  order_cancel(session_data(s));
}

// ---- facts ----

static void facts(struct session *s, struct session_facts *ret) {
  const struct debugger *d = session_data(s);
  *ret = (struct session_facts){.state = d->state, .program = d->inferior, .debugger = d->pid};
}

static bool child(struct session *s, pid_t pid, int status) {
  const struct debugger *d = session_data(s);
  return pid == d->pid && (WIFEXITED(status) || WIFSIGNALED(status));
}

static void drop(struct session *s, struct snapshot_entry *entry) {
  struct debugger *d = session_data(s);
  if (d->move.under_way && d->move.held == entry->held)
    d->move.orphaned = true;
  else
    held_free(entry->held);
  entry->held = NULL;
}

static bool holds(const struct snapshot_entry *entry, const struct snapshot *snapshot) {
  const struct held *h = entry->held;
  return h && (h->inferior == snapshot || (h->debugger && h->debugger == snapshot));
}

// To the inferior alone any debugger can attach when it has been restarted.
static unsigned snapshots(const struct snapshot_entry *entry, bool with_debugger,
                          struct snapshot *ret[SESSION_PROCESSES], pid_t *ret_thread) {
  const struct held *h = entry->held;
  unsigned count = 0;
  if (with_debugger && h->debugger)
    ret[count++] = h->debugger;
  ret[count++] = h->inferior;
  *ret_thread = h->reporter;
  return count;
}

static void channels(struct session *s, int ret[2]) {
  const struct debugger *d = session_data(s);
  memcpy(ret, d->channel_numbers, sizeof d->channel_numbers);
}

static uint64_t memory(struct session *s, struct snapshot_entry *entry) {
  (void)s;
  const struct held *h = entry->held;
  return snapshot_memory(h->inferior) + (h->debugger ? snapshot_memory(h->debugger) : 0);
}

static void say(struct session *s, const char *text) { order_say(session_data(s), text); }

static void close_debugger(struct session *s) {
  struct debugger *d = session_data(s);
  watch_free(d->watch);
  channel_close(&d->call);
  channel_close(&d->order_channel);
  free(d);
}

const struct session_kind debugger_kind = {
    .number = SESSION_DEBUGGER,
    .start = start,
    .take = ask,
    .rewind = ask,
    .cancel = cancel,
    .facts = facts,
    .child = child,
    .drop = drop,
    .holds = holds,
    .snapshots = snapshots,
    .channels = channels,
    .say = say,
    .memory = memory,
    .close = close_debugger,
};
