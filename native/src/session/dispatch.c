// SPDX-License-Identifier: EPL-2.0
// The verbs of the control protocol: a table, a function for each.
#include "session/dispatch.h"

#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "engine/application.h"
#include "session/attached.h"
#include "session/clients.h"
#include "session/measuring.h"
#include "session/messages.h"
#include "session/supervisor.h"
#include "session/text.h"

enum { WAIT_DEFAULT_MS = 5000, WAIT_MAX_MS = 600000 };

struct call {
  struct session *session;
  struct client *client;
  const Snapback__Control__Request *request;
  Snapback__Control__Reply reply;
  struct error error;
};

// A verb answers, or sees to it that the request is answered later, and returns 0; or -1 with call->error.
typedef int verb_function(struct call *call);

static int answer(struct call *call) {
  client_reply(call->client, &call->reply);
  return 0;
}

static int answer_done(struct call *call) {
  Snapback__Control__Done done = SNAPBACK__CONTROL__DONE__INIT;
  call->reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_DONE;
  call->reply.done = &done;
  return answer(call);
}

static bool is_program(const struct call *call) {
  struct session_facts facts = {0};
  call->session->kind->facts(call->session, &facts);
  pid_t pid = client_inside(call->client);
  return pid && pid == facts.program;
}

static int on_hello(struct call *call) {
  unsigned protocol = call->request->hello->protocol;
  if (protocol != PROTOCOL_VERSION) {
    client_reply_error(
        call->client, call->request->id, SNAPBACK__CONTROL__ERROR_CODE__ERROR_PROTOCOL_VERSION,
        "this session speaks version 1 of the control protocol only; use the client of its version, " SNAPBACK_VERSION);
    client_finish(call->client);
    return 0;
  }
  client_greet(call->client);
  if (call->request->hello->application && is_program(call))
    engine_application_announce(call->session->engine, client_inside(call->client), call->request->hello->application);
  Snapback__Control__Welcome welcome = SNAPBACK__CONTROL__WELCOME__INIT;
  welcome.protocol = PROTOCOL_VERSION;
  welcome.version = (char *)SNAPBACK_VERSION;
  welcome.session = call->session->address->name;
  call->reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_WELCOME;
  call->reply.welcome = &welcome;
  return answer(call);
}

static int on_status(struct call *call) {
  struct session *s = call->session;
  struct session_facts facts = {0};
  s->kind->facts(s, &facts);
  Snapback__Control__AutoSettings autos;
  message_of_auto(s->autos, &autos);
  Snapback__Control__Status m = SNAPBACK__CONTROL__STATUS__INIT;
  m.name = s->address->name;
  m.kind = (Snapback__Control__SessionKind)s->kind->number;
  m.state = (Snapback__Control__SessionState)facts.state;
  m.supervisor_pid = s->host_pid;
  m.program_pid = facts.program;
  m.program_host_pid = session_host_pid(s, facts.program);
  m.command = s->command;
  m.n_command = s->command_length;
  m.snapshots = s->count;
  m.current_snapshot = s->current;
  m.auto_ = &autos;
  m.started_ms = s->started_ms;
  m.debugger_pid = facts.debugger;
  m.working_directory = s->working_directory;
  m.template_bytes = session_measure(s);
  m.attached = s->options->attach > 0;
  call->reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_STATUS;
  call->reply.status = &m;
  return answer(call);
}

static int on_list(struct call *call) {
  struct session *s = call->session;
  if (!call->request->list->unmeasured)
    (void)session_measure(s);
  _cleanup_free_ struct snapshot_message *messages = must_alloc(s->count * sizeof *messages);
  _cleanup_free_ Snapback__Control__Snapshot **pointers = must_alloc(s->count * sizeof *pointers);
  for (unsigned i = 0; i < s->count; i++) {
    message_of_snapshot(s->entries[i], &messages[i]);
    pointers[i] = &messages[i].snapshot;
  }
  Snapback__Control__SnapshotList list = SNAPBACK__CONTROL__SNAPSHOT_LIST__INIT;
  list.snapshot = pointers;
  list.n_snapshot = s->count;
  list.current_snapshot = s->current;
  call->reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_LIST;
  call->reply.list = &list;
  return answer(call);
}

static unsigned bounded_wait(unsigned ms) {
  if (ms == 0)
    return WAIT_DEFAULT_MS;
  return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
}

static int check_name(struct call *call, const char *name) {
  if (text_is_snapshot_name(name))
    return 0;
  return error_set(&call->error, ERROR_BAD_REQUEST,
                   "this cannot be a snapshot's name; use at most 200 bytes of UTF-8 without control characters");
}

static int add_request(struct call *call, struct request *r) {
  if (requests_add(call->session, call->client, call->request->id, r))
    return 0;
  request_free(r);
  return error_set(&call->error, ERROR_BUSY, "too many requests wait already; try again when some are answered");
}

static void order_of(const Snapback__Control__SaveRequest *m, struct save_order *ret) {
  *ret = (struct save_order){
      .path = must_strdup(m->path),
      .packed = m->compression == SNAPBACK__CONTROL__COMPRESSION__COMPRESSION_ZSTD,
      .keep_files = m->keep_files,
      .with_debugger = m->with_debugger,
      .full = m->full,
  };
}

static int check_save(struct call *call, struct request *r, const Snapback__Control__SaveRequest *m) {
  r->save = must_alloc(sizeof *r->save);
  order_of(m, r->save);
  return save_order_check(r->save, &call->error);
}

static int on_take(struct call *call) {
  const Snapback__Control__TakeRequest *m = call->request->take;
  if (m->by_application && !is_program(call))
    return error_set(&call->error, ERROR_BAD_REQUEST,
                     "only the session's own program can take a snapshot by snapback_snapshot, not a process that it "
                     "has started");
  if (check_name(call, m->name) || session_check_room(call->session, &call->error))
    return -1;
  struct request *r = must_alloc(sizeof *r);
  *r = (struct request){.name = must_strdup(m->name),
                        .automatic = m->automatic,
                        .by_application = m->by_application,
                        .wait_ms = bounded_wait(m->wait_ms)};
  if (m->save && check_save(call, r, m->save) < 0) {
    request_free(r);
    return -1;
  }
  if (!m->by_application)
    return add_request(call, r);
  client_ask_at_end(call->client, r);
  return answer_done(call);
}

static struct snapshot_entry *find(struct call *call, uint64_t id) {
  struct snapshot_entry *entry = session_find(call->session, id);
  if (!entry)
    (void)error_set(&call->error, ERROR_NO_SUCH_SNAPSHOT, "there is no snapshot %llu in session %s; see the list",
                    (unsigned long long)id, call->session->address->name);
  return entry;
}

// 0: the last one taken.
static struct snapshot_entry *find_or_last(struct call *call, uint64_t id) {
  struct session *s = call->session;
  if (id || s->count)
    return find(call, id ? id : s->entries[s->count - 1]->id);
  (void)error_set(&call->error, ERROR_NO_SUCH_SNAPSHOT, "session %s has no snapshot yet; take one first",
                  s->address->name);
  return NULL;
}

static int on_save(struct call *call) {
  const Snapback__Control__SaveRequest *m = call->request->save;
  const struct snapshot_entry *entry = find_or_last(call, m->snapshot);
  if (!entry)
    return -1;
  struct save_order order;
  order_of(m, &order);
  int r = save_order_check(&order, &call->error);
  if (r == 0 && !savings_add(call->session, entry->id, &order, call->client, call->request->id))
    r = error_set(&call->error, ERROR_BUSY, "too many snapshots wait to be saved; try again when some are done");
  save_order_done(&order);
  return r;
}

static int on_rewind(struct call *call) {
  const Snapback__Control__RewindRequest *m = call->request->rewind;
  struct session *s = call->session;
  const struct snapshot_entry *entry = find_or_last(call, m->snapshot);
  if (!entry)
    return -1;
  if (m->with_debugger && s->kind->number != SESSION_DEBUGGER)
    return error_set(&call->error, ERROR_BAD_REQUEST, "session %s has no debugger to rewind", s->address->name);
  struct request *r = must_alloc(sizeof *r);
  *r = (struct request){
      .rewind = true, .snapshot = entry->id, .with_debugger = m->with_debugger, .wait_ms = bounded_wait(m->wait_ms)};
  return add_request(call, r);
}

// The images of these snapshots go, all or none.
static int remove_images(struct call *call, const uint64_t *ids, size_t count) {
  struct session *s = call->session;
  _cleanup_free_ const char **paths = must_alloc(count * sizeof *paths);
  size_t found = 0;
  for (size_t i = 0; i < count; i++)
    if (session_find(s, ids[i])->image)
      paths[found++] = session_find(s, ids[i])->image;
  if (images_check_unused(s, paths, found, &call->error) < 0)
    return -1;
  for (size_t i = 0; i < found; i++)
    images_remove(s, paths[i]);
  return 0;
}

static int on_delete(struct call *call) {
  const Snapback__Control__DeleteRequest *m = call->request->delete_;
  struct session *s = call->session;
  size_t count = m->all ? s->count : m->n_snapshot;
  _cleanup_free_ uint64_t *ids = must_alloc(count * sizeof *ids);
  for (size_t i = 0; i < count; i++) {
    ids[i] = m->all ? s->entries[i]->id : m->snapshot[i];
    if (!find(call, ids[i]))  // all or nothing
      return -1;
  }
  size_t gone = 0;
  if (m->images && remove_images(call, ids, count) < 0)
    return -1;
  for (size_t i = 0; i < count; i++)  // an id may have been named twice
    if (session_find(s, ids[i]) && session_delete(s, ids[i], &call->error) == 0)
      ids[gone++] = ids[i];
  Snapback__Control__DeleteReport report = SNAPBACK__CONTROL__DELETE_REPORT__INIT;
  report.snapshot = ids;
  report.n_snapshot = gone;
  call->reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_DELETED;
  call->reply.deleted = &report;
  return call->error.code ? -1 : answer(call);
}

static int on_rename(struct call *call) {
  const Snapback__Control__RenameRequest *m = call->request->rename;
  struct snapshot_entry *entry = find(call, m->snapshot);
  if (!entry || check_name(call, m->name) || session_rename(call->session, m->snapshot, m->name, &call->error))
    return -1;
  struct snapshot_message renamed;
  message_of_snapshot(entry, &renamed);
  call->reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_SNAPSHOT;
  call->reply.snapshot = &renamed.snapshot;
  return answer(call);
}

static int on_subscribe(struct call *call) {
  client_subscribe(call->client);
  return answer_done(call);
}

static int on_cancel(struct call *call) {
  requests_cancel(call->session, call->client, call->request->cancel->request);
  savings_cancel(call->session, call->client, call->request->cancel->request);
  return answer_done(call);
}

static int on_auto(struct call *call) {
  const Snapback__Control__AutoRequest *m = call->request->auto_;
  struct session *s = call->session;
  if (s->kind->number != SESSION_DEBUGGER)
    return error_set(&call->error, ERROR_BAD_REQUEST,
                     "session %s has no debugger whose stops could be snapshot automatically; use snapback gdb",
                     s->address->name);
  bool set_cap = m->set_cap_case == SNAPBACK__CONTROL__AUTO_REQUEST__SET_CAP_CAP;
  if (set_cap && (m->cap < 1 || m->cap > AUTO_CAP_MAX))
    return error_set(&call->error, ERROR_BAD_REQUEST, "the cap of automatic snapshots must be between 1 and %d",
                     AUTO_CAP_MAX);
  struct auto_settings settings = s->autos;
  if (m->set_enabled_case == SNAPBACK__CONTROL__AUTO_REQUEST__SET_ENABLED_ENABLED)
    settings.enabled = m->enabled;
  if (set_cap)
    settings.cap = m->cap;
  session_set_auto(s, settings);
  Snapback__Control__AutoSettings result;
  message_of_auto(s->autos, &result);
  call->reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_AUTO;
  call->reply.auto_ = &result;
  return answer(call);
}

static int on_kill(struct call *call) {
  (void)answer_done(call);
  supervisor_kill(call->session);
  return 0;
}

static int on_detach(struct call *call) {
  struct session *s = call->session;
  if (!s->options->attach)
    return error_set(&call->error, ERROR_BAD_REQUEST,
                     "the program of session %s has been started in it, and cannot go on without it; 'snapback kill' "
                     "ends both",
                     s->address->name);
  (void)answer_done(call);
  attached_let_go(s);
  return 0;
}

#define VERB(name) SNAPBACK__CONTROL__REQUEST__VERB_##name
static verb_function *const verbs[] = {
    [VERB(HELLO)] = on_hello,         [VERB(STATUS)] = on_status, [VERB(LIST)] = on_list,
    [VERB(TAKE)] = on_take,           [VERB(REWIND)] = on_rewind, [VERB(DELETE)] = on_delete,
    [VERB(RENAME)] = on_rename,       [VERB(CANCEL)] = on_cancel, [VERB(AUTO)] = on_auto,
    [VERB(SUBSCRIBE)] = on_subscribe, [VERB(KILL)] = on_kill,     [VERB(SAVE)] = on_save,
    [VERB(DETACH)] = on_detach,
};

static void refuse(struct client *c, uint64_t id, const char *text) {
  client_reply_error(c, id, ERROR_BAD_REQUEST, text);
  client_finish(c);
}

static void serve(struct session *s, struct client *c, const Snapback__Control__Request *request) {
  size_t verb = (size_t)request->verb_case;
  struct call call = {.session = s, .client = c, .request = request, .reply = SNAPBACK__CONTROL__REPLY__INIT};
  call.reply.id = request->id;
  if (request->id == 0)
    refuse(c, 0, "the request's id is 0; choose another number");
  else if (!client_greeted(c) && verb != VERB(HELLO))
    refuse(c, request->id, "the first request of a connection must be Hello");
  else if (verb >= sizeof verbs / sizeof *verbs || !verbs[verb])
    client_reply_error(c, request->id, ERROR_BAD_REQUEST, "this session does not know the verb of the request");
  else if (verbs[verb](&call) < 0)
    client_reply_error(c, request->id, call.error.code, text_clean(call.error.text));
}

void dispatch(struct session *s, struct client *c, const uint8_t *data, size_t size) {
  Snapback__Control__Request *request = snapback__control__request__unpack(NULL, size, data);
  if (!request) {
    refuse(c, 0, "the message is not a request of the control protocol; the connection is closed");
    return;
  }
  serve(s, c, request);
  snapback__control__request__free_unpacked(request, NULL);
}
