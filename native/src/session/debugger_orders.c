// SPDX-License-Identifier: EPL-2.0
// Orders: what a client wants, given to gdb, which does it when it comes to it, or is too busy for too long.
#include <stdlib.h>

#include "session/debugger_state.h"

enum { AGAIN_MS = 2, MOVE_MS = 30000 };

static void forget_alarms(struct order *o) {
  alarm_free(o->deadline);
  alarm_free(o->again);
  o->deadline = o->again = NULL;
}

static bool is_present(const struct debugger *d, unsigned number) {
  return number && d->order.request && number == d->order.number;
}

struct request *order_take(struct debugger *d, unsigned number) {
  if (!is_present(d, number))
    return NULL;
  struct request *r = d->order.request;
  forget_alarms(&d->order);
  d->order.request = NULL;
  d->order.begun = false;
  return r;
}

void order_failed(struct debugger *d, unsigned number, const struct error *e) {
  struct request *r = order_take(d, number);
  if (r)
    request_failed(r, e);
}

static void too_busy(void *data) {
  struct debugger *d = data;
  struct error e = {0};
  d->order.deadline = NULL;
  if (d->order.begun)
    (void)error_set(&e, ERROR_BUSY, "gdb has begun the rewind and does not come to its end: look at gdb's console");
  else if (d->order.put_off.code)
    e = d->order.put_off;
  else
    (void)error_set(&e, ERROR_BUSY,
                    "gdb is busy and has not answered within %u ms: try again when its present command has ended",
                    d->order.request->wait_ms);
  order_failed(d, d->order.number, &e);
}

static void send_order(struct debugger *d) {
  struct order *o = &d->order;
  struct line l = {0};
  line_add(&l, o->request->rewind ? "rewind" : "take");
  line_add_number(&l, o->number);
  if (o->request->rewind) {
    line_add_number(&l, o->request->snapshot);
    line_add_number(&l, o->request->with_debugger);
  } else {
    line_add(&l, o->request->name);
    line_add_number(&l, o->request->automatic);
  }
  struct error e = {0};
  int r = channel_send(&d->order_channel, &l);
  if (r < 0) {
    (void)error_set_errno(&e, r, "cannot reach gdb");
    order_failed(d, d->order.number, &e);
  }
}

void order_give(struct debugger *d, struct request *r) {
  d->order.request = r;
  d->order.number++;
  d->order.begun = false;
  d->order.put_off = (struct error){0};
  d->order.deadline = loop_alarm(session_loop(d->session), r->wait_ms, too_busy, d);
  send_order(d);
}

static void repeat(void *data) {
  struct debugger *d = data;
  d->order.again = NULL;
  if (d->order.request)
    send_order(d);
}

void order_again(struct debugger *d, const struct error *why) {
  d->order.put_off = *why;
  if (!d->order.again)
    d->order.again = loop_alarm(session_loop(d->session), AGAIN_MS, repeat, d);
}

void order_cancel(struct debugger *d) {
  struct error e = {0};
  if (!d->order.request || d->order.begun)
    return;
  (void)error_set(&e, ERROR_CANCELLED, "the request was cancelled before gdb began with it");
  order_failed(d, d->order.number, &e);
}

int order_begin(struct debugger *d, unsigned number, struct request **ret, struct error *e) {
  *ret = NULL;
  if (number == 0)
    return 0;
  if (!is_present(d, number))
    return error_set(e, ERROR_CANCELLED, "the request has been given up meanwhile");
  *ret = d->order.request;
  if ((*ret)->rewind && !d->order.begun) {
    forget_alarms(&d->order);
    d->order.deadline = loop_alarm(session_loop(d->session), MOVE_MS, too_busy, d);
    d->order.begun = true;
  }
  return 0;
}

void order_say(struct debugger *d, const char *text) {
  struct line l = {0};
  line_add(&l, "say");
  line_add(&l, text);
  (void)channel_send(&d->order_channel, &l);
}
