// SPDX-License-Identifier: EPL-2.0
// Takes and rewinds that wait for their turn or their answer.
#include "session/requests.h"

#include <stdlib.h>

#include "base/memory.h"
#include "engine/application.h"
#include "session/clients.h"
#include "session/messages.h"
#include "session/supervisor.h"

void request_free(struct request *r) {
  if (r->save)
    save_order_done(r->save);
  free(r->save);
  free(r->name);
  free(r->origin);
  free(r);
}

static void begin(struct session *s, struct request *r) {
  struct error e = {0};
  engine_application_asks(s->engine, r->by_application);
  if (!r->rewind) {
    s->kind->take(s, r);
  } else if (!session_find(s, r->snapshot)) {
    (void)error_set(&e, ERROR_NO_SUCH_SNAPSHOT, "snapshot %llu has been deleted meanwhile",
                    (unsigned long long)r->snapshot);
    request_failed(r, &e);
  } else {
    s->kind->rewind(s, r);
  }
}

// A kind may answer before it returns: the loop is here, so that answers do not nest.
static void serve(struct session *s) {
  struct requests *q = &s->requests;
  if (q->serving)
    return;
  q->serving = true;
  while (!q->active && q->waiting) {
    q->active = q->waiting;
    q->waiting = q->active->next;
    begin(s, q->active->request);
  }
  q->serving = false;
}

bool requests_add(struct session *s, struct client *c, uint64_t id, struct request *r) {
  if (s->requests.count >= REQUESTS_MAX)
    return false;
  struct request_origin *origin = must_alloc(sizeof *origin);
  *origin = (struct request_origin){.client = c, .id = id, .request = r};
  r->session = s;
  r->origin = origin;
  struct request_origin **last = &s->requests.waiting;
  while (*last)
    last = &(*last)->next;
  *last = origin;
  s->requests.count++;
  serve(s);
  return true;
}

static void finish(struct request *r) {
  struct session *s = r->session;
  if (s->requests.active == r->origin) {
    s->requests.active = NULL;
    engine_application_asks(s->engine, 0);
  }
  s->requests.count--;
  request_free(r);
  serve(s);
}

static void answer(struct request *r, Snapback__Control__Reply *reply) {
  reply->id = r->origin->id;
  if (r->origin->client)
    client_reply(r->origin->client, reply);
}

void request_taken(struct request *r, struct snapshot_entry *entry) {
  session_add(r->session, entry);
  struct snapshot_message m;
  message_of_snapshot(entry, &m);
  Snapback__Control__Reply reply = SNAPBACK__CONTROL__REPLY__INIT;
  reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_SNAPSHOT;
  reply.snapshot = &m.snapshot;
  answer(r, &reply);
  if (r->save)
    (void)savings_add(r->session, entry->id, r->save, NULL, 0);
  finish(r);
}

void request_rewound(struct request *r, const struct rewind_report *report) {
  session_rewound(r->session, r->snapshot, report);
  struct rewind_message m;
  message_of_rewind(r->snapshot, report, &m);
  Snapback__Control__Reply reply = SNAPBACK__CONTROL__REPLY__INIT;
  reply.result_case = SNAPBACK__CONTROL__REPLY__RESULT_REWIND;
  reply.rewind = &m.report;
  answer(r, &reply);
  finish(r);
}

void request_failed(struct request *r, const struct error *e) {
  if (r->save && r->save->periodic)
    images_refused(r->session, e);
  if (r->origin->client)
    client_reply_error(r->origin->client, r->origin->id, e->code, e->text);
  if (r->by_application)
    engine_application_refuse(r->session->engine, r->by_application, e);
  finish(r);
}

static void cancel_waiting(struct session *s, struct request_origin *origin) {
  for (struct request_origin **at = &s->requests.waiting; *at; at = &(*at)->next)
    if (*at == origin) {
      *at = origin->next;
      break;
    }
  struct error e = {0};
  (void)error_set(&e, ERROR_CANCELLED, "the request was cancelled before it began");
  request_failed(origin->request, &e);
}

static bool is_of(const struct request_origin *origin, const struct client *c, uint64_t id) {
  return origin && origin->client == c && origin->id == id;
}

void requests_cancel(struct session *s, struct client *c, uint64_t id) {
  if (is_of(s->requests.active, c, id)) {
    s->kind->cancel(s, s->requests.active->request);
    return;
  }
  for (struct request_origin *o = s->requests.waiting; o; o = o->next)
    if (is_of(o, c, id)) {
      cancel_waiting(s, o);
      return;
    }
}

void requests_forget(struct session *s, struct client *c) {
  for (struct request_origin *o = s->requests.waiting, *next; o; o = next) {
    next = o->next;
    if (o->client != c)
      continue;
    o->client = NULL;
    cancel_waiting(s, o);
  }
  struct request_origin *active = s->requests.active;
  if (active && active->client == c) {
    active->client = NULL;
    s->kind->cancel(s, active->request);
  }
}
