// SPDX-License-Identifier: EPL-2.0
// A session from its start to its end, as the command line sees it.
#include "session/session.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session/outer.h"
#include "session/supervisor.h"
#include "trace/journal.h"

// Makes the supervisor. In it, this does not return.
static int split(struct session *s, struct outer *o, struct error *e) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
    return error_set_errno(e, -errno, "cannot make a socket pair for the session");
  o->supervisor = namespaces_fork(&s->namespaces, e);
  if (o->supervisor == 0) {
    (void)close(ends[0]);
    s->link = ends[1];
    supervisor_run(s);
  }
  (void)close(ends[1]);
  o->link = ends[0];
  return o->supervisor < 0 ? -1 : 0;
}

static int run(struct session *s, struct error *e) {
  struct outer o;
  outer_prepare(&o, s->options->attach);
  o.journal = s->journal;
  s->terminal = o.terminal;
  s->foreground = o.foreground;
  if (s->options->follow && outer_follow(&o, s->options->follow, e))
    return 2;
  if (namespaces_prepare(&s->namespaces, s->options->on_host, s->options->host_objects, e) || split(s, &o, e))
    return 2;
  outer_serve(&o, e);
  address_unlink(s->address);
  return outer_exit_status(&o);
}

// Between the two processes. Pages that nobody writes to cost nothing.
static void *share(size_t size, struct error *e) {
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at != MAP_FAILED)
    return at;
  (void)error_set_errno(e, -errno, "cannot share memory with the supervisor");
  return NULL;
}

int session_run(const struct session_kind *kind, const struct session_options *options, struct error *e) {
  struct session s = {.kind = kind, .options = options};
  caller_save(&s.caller);
  s.address = share(sizeof *s.address, e);
  s.journal = options->attach ? share(sizeof *s.journal, e) : NULL;
  return e->code ? 2 : run(&s, e);
}
