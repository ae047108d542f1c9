// SPDX-License-Identifier: EPL-2.0
// Takes and rewinds that wait: the kind is given one at a time, in the order they came.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct session;
struct client;
struct request;

enum { REQUESTS_MAX = 256 };

// Who asked: a client, until it goes away.
struct request_origin {
  struct client *client;
  uint64_t id;
  struct request_origin *next;  // waiting behind this one
  struct request *request;
};

struct requests {
  struct request_origin *active, *waiting;
  unsigned count;
  bool serving;
};

// Takes `r` over and serves it when its turn comes. `c` may be NULL: nobody waits for a reply. False: too many wait
// already; `r` is the caller's still.
bool requests_add(struct session *s, struct client *c, uint64_t id, struct request *r);
void request_free(struct request *r);

// The client does not want the answer any more. / The client is gone.
void requests_cancel(struct session *s, struct client *c, uint64_t id);
void requests_forget(struct session *s, struct client *c);
